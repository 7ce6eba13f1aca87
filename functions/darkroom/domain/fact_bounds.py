"""Which of a provider's facts fit into a task's item of the table.

DynamoDB takes 400 KB an item, 32 levels, numbers of 38 digits between 1e-130 and 1e126, and names
with at least one character. A task's item has its attempts in it, each with its facts.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

MAX_FACTS_BYTES: Final = 16_000
"""Per attempt, as JSON: a task may have a dozen attempts."""
MAX_DEPTH: Final = 20
"""Levels of one fact; the task has seven levels around it."""
MAX_NUMBER: Final = 1e100
MIN_NUMBER: Final = 1e-100
MAX_INTEGER: Final = int("9" * 38)


def storable_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that an item can hold, in their order."""
    kept: dict[str, Any] = {}
    left = MAX_FACTS_BYTES
    for name, value in facts.items():
        if not name or not _is_storable(value):
            continue
        size = len(json.dumps([name, value], ensure_ascii=False).encode(errors="replace"))
        if size <= left:
            kept[name] = value
            left -= size
    return kept


def _is_storable(value: Any) -> bool:  # noqa: ANN401 - a fact is any JSON
    """Whether the table takes the value: its depth, its numbers, its names."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if not all(isinstance(name, str) and name for name in one):
                    return False
                below += one.values()
            elif isinstance(one, list | tuple):
                below += one
            elif not _is_storable_number(one):
                return False
        if not below:
            return True
        level = below
    return False


def _is_storable_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return value == 0 or MIN_NUMBER < abs(value) < MAX_NUMBER
