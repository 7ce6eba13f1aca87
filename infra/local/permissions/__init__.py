"""Decides as IAM would which requests of a function, and which calls of a service, are allowed."""
