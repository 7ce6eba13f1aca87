"""A paid call from its plan to what came of it: written down, kept, or found out."""
