"""Patches for what moto leaves out or gets wrong, applied while a local environment is up."""
