"""The samples of `darkroom demo`, and the checks of their results."""
