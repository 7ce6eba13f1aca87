"""How a task ends: the decision, the manifest, the event, and what a person is told to do."""
