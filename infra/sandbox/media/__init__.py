"""Plain, quick and deterministic videos, sounds and meshes in place of the providers' models.

Nothing here knows about HTTP, credits or providers.
"""
