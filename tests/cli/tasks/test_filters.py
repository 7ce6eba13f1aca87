"""Filters: which tasks `--state`, `--code`, `--since` and `--where` mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.domain.order import Order
from darkroom.domain.task_summary import summarize
from infra.cli.tasks.filters import Filters, matches
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import CHOICES, make_task

NOW = datetime.now(UTC)


def test_no_filter_accepts_every_task() -> None:
    """And counts as none given."""
    assert not Filters().given
    assert Filters().accepts(summarize(make_task()))


def test_all_filters_must_accept() -> None:
    """State, code, time and metadata; of one kind any value will do."""
    order = Order("upscale", CHOICES, metadata={"sku": "A-113", "n": 2})
    failed = summarize(make_task(state="failed", updated_at=NOW, order=order))
    queued = summarize(make_task(state="queued", order=order, created_at=NOW - timedelta(hours=9)))
    recent = NOW - timedelta(hours=8)
    assert Filters(frozenset({"failed", "unknown"}), since=recent).accepts(failed)
    assert not Filters(frozenset({"unknown"})).accepts(failed)
    assert Filters(codes=frozenset({"no-credits"})).accepts(failed)
    assert not Filters(codes=frozenset({"no-credits"})).accepts(queued)
    assert not Filters(since=recent).accepts(queued)
    assert not Filters(since=recent).accepts(replace(failed, ended_at=NOW - timedelta(hours=9)))
    assert Filters(where=(("sku", "A-113"), ("n", "2"))).accepts(failed)
    assert not Filters(where=(("sku", "A-113"), ("n", "3"))).accepts(failed)


@pytest.mark.parametrize(
    ("value", "typed", "same"),
    [
        ("2", "2", True),
        (2, "2", True),
        (2.0, "2", True),
        (True, "true", True),
        (True, "True", False),
        ("a", "A", False),
        (None, "null", False),
        (2, "two", False),
    ],
)
def test_metadata_is_compared_as_it_is_typed(value: object, typed: str, *, same: bool) -> None:
    """Numbers by their value, texts exactly; what is not there matches nothing."""
    assert matches(value, typed) is same


@pytest.mark.parametrize(
    "options", [("--since", "8x"), ("--since", "soon"), ("--where", "sku"), ("--state", "gone")]
)
def test_wrong_filter_is_refused(env: MotoEnvironment, options: tuple[str, str]) -> None:
    """Before anything is read or done."""
    for command in (("status",), ("retry", "photos/"), ("cancel", "photos/")):
        result = env.run(*command, *options)
        assert result.exit_code == 2, result.output


def test_cancel_and_retry_take_filters(env: MotoEnvironment) -> None:
    """Only what matches is touched; a cancelled task is retried where its state is named."""
    order = Order("upscale", CHOICES, metadata={"sku": "A-113"}, keys={"image": ("a/1.jpg",)})
    one = env.add_task("a/1.jpg.json", "queued", order=order)
    two = env.add_task("a/2.jpg.json", "queued")
    assert env.run("cancel", "a/", "--where", "sku=A-113").stderr == "1 cancelled\n"
    assert (env.state(one), env.state(two)) == ("cancelled", "queued")
    assert env.run("retry", "a/").stderr == "nothing to retry\n"
    assert env.run("retry", one.task_id, "--where", "sku=B").stderr == "nothing to retry\n"
    assert env.run("retry", "a/", "--state", "cancelled").stderr == "1 retried\n"
    assert env.state(one) == "queued"
