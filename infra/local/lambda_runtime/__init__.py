"""Functions run as Lambda runs them: processes, their pool and the Runtime API."""
