"""What makes the results of GoAPI's tasks."""
