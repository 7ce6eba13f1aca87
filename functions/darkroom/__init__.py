"""Darkroom: a photo and a spec in, the edited photo back; paid for once, never lost."""
