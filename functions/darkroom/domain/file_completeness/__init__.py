"""Whether a file is there to its end, told by its format."""
