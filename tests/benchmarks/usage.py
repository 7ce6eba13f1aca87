"""What a task uses of AWS, and what that costs at list prices."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PRICES_PATH: Final = Path(__file__).with_name("prices.json")
PER_TASK: Final = (
    "state_entries",
    "lambda_calls",
    "lambda_gb_s",
    "table_writes",
    "table_reads",
    "s3_writes",
    "s3_reads",
    "sqs_requests",
    "events",
    "secret_calls",
    "log_bytes",
)
"""What a task is billed for. `table_writes` and `table_reads` are DynamoDB's units of size."""


class Usage(dict[str, float]):
    """Item of `PER_TASK` -> how much of it; what was not used is 0."""

    def __missing__(self, item: str) -> float:
        return 0.0

    def add(self, units: Mapping[str, float]) -> None:
        """Add these amounts."""
        for item, amount in units.items():
            self[item] += amount


def read_prices() -> Mapping[str, float]:
    """US dollars for one unit of each item of `prices.json`."""
    listed = json.loads(PRICES_PATH.read_text("utf-8"))["usd"]
    return {name: price["usd"] / price["per"] for name, price in listed.items()}


def price(usage: Mapping[str, float]) -> dict[str, float]:
    """US dollars for each item used.

    Raises KeyError for an item without a price.
    """
    prices = read_prices()
    return {name: amount * prices[name] for name, amount in usage.items()}
