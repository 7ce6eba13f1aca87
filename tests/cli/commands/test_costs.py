"""`darkroom costs`: sums of what tasks have cost, from the index alone."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.order import Order
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import CHOICES, START, make_attempt
from tests.fakes.environments_file import write_environments


def add(env: MotoEnvironment, number: int, state: Any = "succeeded", **changes: Any) -> None:
    """A task of a shop."""
    sku = changes.pop("sku", "A")
    order = Order("upscale", CHOICES, keys={"image": ("x",)}, metadata={"sku": sku})
    changes = {"attempts": (make_attempt(),), "order": order} | changes
    env.add_task(f"shop/{number}.jpg.json", state, **changes)


@pytest.fixture
def shop(env: MotoEnvironment) -> MotoEnvironment:
    """Two successes on two days, a failure that was charged, and what nobody knows."""
    add(env, 1)
    add(env, 2, sku="=B", updated_at=START + timedelta(days=1))
    add(env, 3, "failed")
    add(env, 4, "unknown", attempts=(make_attempt(charged="unknown", outcome="unclear"),))
    other = make_attempt(provider="apiframe", model="topaz-image-upscale", credits=None)
    add(env, 5, attempts=(make_attempt(charged="no"), other))
    add(env, 6, "failed", attempts=())
    return env


def rows_of(env: MotoEnvironment, by: str, *more: str) -> list[dict[str, Any]]:
    """The rows as JSON."""
    result = env.run("costs", "shop/", "--by", by, "--json", *more)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return rows


def test_costs_by_provider_name_what_failed_and_what_is_unclear(shop: MotoEnvironment) -> None:
    """Apart from each other; and an amount that nobody has named."""
    apiframe, snapapi = rows_of(shop, "provider")
    assert snapapi == {
        "value": "snapapi",
        "provider": "snapapi",
        "tasks": 3,
        "credits": 18.0,
        "usd": pytest.approx(0.009),
        "failed_tasks": 1,
        "failed_credits": 6.0,
        "unclear_tasks": 1,
        "unclear_credits": 6.0,
        "without_amount": 0,
    }
    assert (apiframe["tasks"], apiframe["usd"], apiframe["without_amount"]) == (1, None, 1)
    result = shop.run("costs")
    assert "failed, but charged" in result.stdout
    assert "1 task, 6 credits" in result.stdout
    assert result.stderr == (
        "6 tasks; 0 apiframe, 18 snapapi credits, $0.009; 1 task perhaps charged; 1 task with a "
        "charge that is not known\n"
    )


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("operation", {"upscale"}),
        ("day", {"2025-05-01", "2025-05-02"}),
        ("metadata.sku", {"A", "=B"}),
        ("metadata.none", {"(none)"}),
    ],
)
def test_costs_are_summed_by(shop: MotoEnvironment, by: str, values: set[str]) -> None:
    """Each value has a row for each provider; together they are all that was spent."""
    rows = rows_of(shop, by)
    assert {row["value"] for row in rows} == values
    assert sum(row["credits"] for row in rows) == 18


def test_costs_since_a_time(shop: MotoEnvironment) -> None:
    """As the filters of `status`."""
    (row,) = rows_of(shop, "day", "--since", "2025-05-02T00:00Z")
    assert (row["value"], row["credits"]) == ("2025-05-02", 6.0)


def test_csv_is_safe_for_spreadsheets(shop: MotoEnvironment) -> None:
    """What would be a formula is text."""
    result = shop.run("costs", "shop/", "--by", "metadata.sku", "--csv")
    first, *rows = csv.reader(io.StringIO(result.stdout))
    assert first[:5] == ["metadata.sku", "provider", "tasks", "credits", "usd"]
    assert ["'=B", "snapapi", "1", "6.0"] in [row[:4] for row in rows]


def test_price_of_the_environment_counts(
    shop: MotoEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In `costs` and in `status`."""
    name = "dear-prices"
    tables = {"dev": {}, name: {"price": {"snapapi": {"usd_per_credit": 2}}}}
    write_environments(monkeypatch, tmp_path, tables)
    monkeypatch.setattr("infra.cli.commands.costs.find_target", lambda _: shop.target)
    assert rows_of(shop, "provider", "--env", name)[1]["usd"] == 36
    target = replace(shop.target, environment=name)
    monkeypatch.setattr("infra.cli.commands.status.find_target", lambda _: target)
    assert "($12.00)" in shop.run("status", "shop/1.jpg.json").stdout


def test_wrong_use_is_said(shop: MotoEnvironment) -> None:
    """With what may be summed by."""
    assert shop.run("costs", "--by", "metadata.").exit_code == 2
    assert shop.run("costs", "--by", "week").exit_code == 2
    assert shop.run("costs", "--json", "--csv").exit_code == 2
    assert shop.run("costs", "nothing/").exit_code == 1
