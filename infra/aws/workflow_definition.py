"""The state machine's definition as it is deployed, built from `functions/workflow.asl.json`.

The file says once, as `TaskDefaults`, how a door that breaks is tried again and what follows in
the end. The Amazon States Language has no such key, so here it is written into the states. It
must not import the CDK: the tests and the simulation read the definition without starting Node.
"""

import json
from typing import Any


def build_definition(text: str) -> dict[str, Any]:
    """The definition in the Amazon States Language; `text` is the workflow file's.

    A Task state gets the defaults unless it has a `Retry` or a `Catch` of its own; then it is
    left as it is. That is FAIL, whose errors cannot lead to FAIL.
    """
    definition: dict[str, Any] = json.loads(text)
    defaults = definition.pop("TaskDefaults")
    del defaults["Comment"]
    for state in definition["States"].values():
        if state["Type"] == "Task" and defaults.keys().isdisjoint(state):
            state.update(defaults)
    return definition
