"""The providers' keys in the secrets of an environment: what is there, and how one is put in."""
