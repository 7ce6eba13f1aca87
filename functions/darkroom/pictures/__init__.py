"""Looks at the pixels of pictures, in a process of its own."""
