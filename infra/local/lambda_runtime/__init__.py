"""Runs functions as Lambda does: processes, a pool for each function, the Runtime API."""
