"""Plain, quick and deterministic videos, sounds and solids that stand in for the providers' models.

Like the pixels, they know nothing of HTTP, credits or providers.
"""
