"""One task type of a model: its input, its price, its generator.

The task types themselves are in `image`, `video`, `kling` and `audio_3d`, all of them in `table`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.task_types.fields import Field

TaskInput = Mapping[str, object]
Generator = Callable[[GenerationContext], Output]
Price = int | Callable[[TaskInput], int]
Rule = Callable[[TaskInput], str | None]
"""Checks the fields of an input together; returns what is wrong."""
Usage = Literal["point", "llm", "mj"]
PendingOutput = Callable[[TaskInput], Mapping[str, object] | None]
"""Builds the output that a task shows before it ends."""

# 10,000,000 units are 1 USD. The account page counts credits; 500 are 1 USD.
UNITS_PER_CREDIT = 20_000
UNITS_PER_POINT = 50_000  # of Midjourney's own count; fits the 14 that a sample shows


def _no_output(_: TaskInput) -> Mapping[str, object] | None:
    return None


@dataclass(frozen=True)
class TaskType:
    """One task type of a model; `price` is in units.

    `usage` is how the price is shown: `point` and `mj` freeze it and consume it at the end, `llm`
    shows it as consumed from the beginning.
    """

    model: str
    name: str
    fields: tuple[Field, ...]
    generate: Generator
    price: Price
    usage: Usage = "point"
    rules: tuple[Rule, ...] = ()
    pending_output: PendingOutput = _no_output

    @property
    def takes_base64(self) -> bool:
        """Whether a file may be base64 instead of a URL."""
        return self.model.startswith("Qubico/") or self.model == "midjourney"

    def units(self, task_input: TaskInput) -> int:
        """Return the price of a checked input, in units."""
        return self.price if isinstance(self.price, int) else self.price(task_input)


def credits_of(units: int) -> int:
    """Convert units to the credits that the ledger books: rounded up, at least one."""
    return max(1, -(-units // UNITS_PER_CREDIT))


def any_of(*names: str) -> Rule:
    """Return the rule that at least one of these fields is given."""

    def check(task_input: TaskInput) -> str | None:
        if any(task_input.get(name) for name in names):
            return None
        return f"{' or '.join(names)} is required"

    return check


def price_by_second(units: int, default: int = 5) -> Price:
    """Return the price of a video by its seconds, `default` without a duration."""
    return lambda task_input: units * _seconds(task_input, default)


def _seconds(task_input: TaskInput, default: int) -> int:
    found = re.search(r"\d+", str(task_input.get("duration") or default))
    return int(found[0]) if found else default
