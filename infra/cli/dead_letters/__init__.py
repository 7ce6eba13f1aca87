"""The dead-letter queue: what its messages are, and how they are sent again."""
