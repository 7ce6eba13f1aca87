"""Files between this disk and the buckets."""
