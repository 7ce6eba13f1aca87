"""GoAPI's routes: what a client can call."""
