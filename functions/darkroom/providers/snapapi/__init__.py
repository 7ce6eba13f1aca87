"""SnapAPI."""
