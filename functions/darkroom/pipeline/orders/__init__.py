"""From a spec to what will be done, with every input pinned; and under which names."""
