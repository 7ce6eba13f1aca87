"""Perfect Corp."""
