"""What commands on tasks share: which are meant, what is done to them, how they are shown."""
