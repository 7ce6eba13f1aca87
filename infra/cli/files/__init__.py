"""Moves files between this disk and the buckets."""
