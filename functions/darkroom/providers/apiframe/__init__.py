"""Apiframe."""
