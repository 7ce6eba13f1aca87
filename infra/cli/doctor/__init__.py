"""The checks of `darkroom doctor`: why an environment does not work, and what fixes it."""
