"""Keeps a folder of this disk in step with the buckets."""
