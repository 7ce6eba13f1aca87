"""What one row of the task table says: a model's task, its input, its price, and who makes it.

The rows themselves stand in `image_rows`, `video_rows` and `sound_rows`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.task_types.fields import Field

Asked = Mapping[str, object]
Maker = Callable[[GenerationContext], Output]
Price = int | Callable[[Asked], int]
Rule = Callable[[Asked], str | None]
"""Says what is wrong with an input beyond its single fields."""
Usage = Literal["point", "llm", "mj"]
Skeleton = Callable[[Asked], Mapping[str, object] | None]
"""Makes the output that is shown before the end."""

# 10,000,000 units are 1 USD; the account page counts credits, of which 500 are 1 USD.
UNITS_PER_CREDIT = 20_000
UNITS_PER_POINT = 50_000  # of Midjourney's own count; fits the 14 that a sample shows


def _nothing_yet(_: Asked) -> Mapping[str, object] | None:
    return None


@dataclass(frozen=True)
class Row:
    """One model's task.

    `usage` says how the price is shown: `point` and `mj` freeze it and consume it at the end,
    `llm` shows it as consumed from the beginning. `skeleton` makes the output before the end.
    """

    model: str
    task_type: str
    fields: tuple[Field, ...]
    make: Maker
    price: Price
    usage: Usage = "point"
    rules: tuple[Rule, ...] = ()
    skeleton: Skeleton = _nothing_yet

    @property
    def inline(self) -> bool:
        """Whether files may be given as base64 besides URLs."""
        return self.model.startswith("Qubico/") or self.model == "midjourney"

    def units(self, asked: Asked) -> int:
        """Price a checked input."""
        return self.price if isinstance(self.price, int) else self.price(asked)


def credits_of(units: int) -> int:
    """Return the whole credits that the ledger books for so many units, at least one."""
    return max(1, -(-units // UNITS_PER_CREDIT))


def one_of(*names: str) -> Rule:
    """Make the rule that at least one of these fields is given."""

    def check(asked: Asked) -> str | None:
        if any(asked.get(name) for name in names):
            return None
        return f"{' or '.join(names)} is required"

    return check


def by_second(units: int, default: int = 5) -> Price:
    """Price a video by its seconds, `default` where none are asked for."""
    return lambda asked: units * _seconds(asked, default)


def _seconds(asked: Asked, default: int) -> int:
    found = re.search(r"\d+", str(asked.get("duration") or default))
    return int(found[0]) if found else default
