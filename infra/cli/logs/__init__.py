"""What is known of one task, from its functions' logs, its runs and the table, in time order."""
