"""GoAPI."""
