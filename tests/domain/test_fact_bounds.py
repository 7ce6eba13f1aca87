"""What an item of the table has room for of a provider's words."""

from typing import Any

import pytest

from darkroom.domain.fact_bounds import MAX_DEPTH, MAX_FACTS_BYTES, storable_facts


def nested(levels: int) -> Any:
    """Lists around nothing."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [None, True, "text", 7, -1.5, 0.0, 1e99, 10**38 - 1, [1, {"a": [None]}], {}, nested(MAX_DEPTH)],
)
def test_storable_facts_stay(value: object) -> None:
    """Small facts of any shape."""
    assert storable_facts({"fact": value}) == {"fact": value}


@pytest.mark.parametrize(
    "value",
    [
        *(1e101, -1e300, 1e-101, float("inf"), float("nan"), 10**38),
        *({"": 1}, [{"a": {"": 1}}], nested(MAX_DEPTH + 1), nested(5000), "x" * MAX_FACTS_BYTES),
        [0] * MAX_FACTS_BYTES,
    ],
)
def test_unstorable_facts_are_dropped_and_the_rest_stays(value: object) -> None:
    """Numbers, names, depth, size."""
    assert storable_facts({"a": 1, "fact": value, "b": 2}) == {"a": 1, "b": 2}


def test_facts_share_one_size_limit() -> None:
    """The first ones that fit are kept."""
    facts = {f"n{number}": "x" * 1000 for number in range(1000)}
    kept = storable_facts(facts)
    assert list(kept) == list(facts)[: len(kept)]
    assert 10 < len(kept) <= MAX_FACTS_BYTES // 1000


def test_fact_without_a_name_is_dropped() -> None:
    """DynamoDB takes no empty name."""
    assert storable_facts({"": 1}) == {}
