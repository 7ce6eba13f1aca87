"""How a task ends: the decision, its output names, the manifest, the event and the next step."""
