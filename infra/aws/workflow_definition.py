"""Builds the state machine's definition from `functions/workflow.asl.json`.

The file has the `Retry` and `Catch` of all tasks once, as `TaskDefaults`, a key that the Amazon
States Language does not have; this module writes them into the states. It must not import the CDK:
the tests and the simulation read the definition without starting Node.
"""

import json
from typing import Any


def build_definition(text: str) -> dict[str, Any]:
    """The definition in the Amazon States Language; `text` is the workflow file's.

    A Task state gets the defaults unless it has its own `Retry` or `Catch`, as FAIL has, because
    its errors cannot lead to FAIL again.
    """
    definition: dict[str, Any] = json.loads(text)
    defaults = definition.pop("TaskDefaults")
    del defaults["Comment"]
    for state in definition["States"].values():
        if state["Type"] == "Task" and defaults.keys().isdisjoint(state):
            state.update(defaults)
    return definition
