"""From a spec to its order: the routes that can do it, and its input files, pinned to versions."""
