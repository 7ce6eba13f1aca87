"""`darkroom dashboard`: the environment's dashboard as a picture."""
