"""A folder on this disk that is kept in step with the buckets."""
