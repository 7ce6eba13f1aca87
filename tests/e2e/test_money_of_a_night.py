"""What a folder of photos costs, as the provider's own ledger has it: no more than was said before.

The number of photos is small here; `make night` has 300.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from infra.cli.main import main
from infra.local import running_file
from infra.local.running_file import RunningEnvironment
from tests.e2e.environment_client import EnvironmentClient
from tests.e2e.photo_folders import fill, sync

pytestmark = pytest.mark.e2e

PHOTOS: Final = int(os.environ.get("DARKROOM_TEST_PHOTOS", "12"))
FEW: Final = 6
"""So many photos have the parts that say nothing more with many."""
TIMEOUT_S: Final = 120 + 3.0 * PHOTOS
PROVIDER: Final = "snapapi"
DEFAULT: Final = {"operation": "remove-background", "provider": PROVIDER, "settle_s": 1}


@pytest.fixture
def shop(client: EnvironmentClient, monkeypatch: pytest.MonkeyPatch) -> EnvironmentClient:
    """The environment, also for Darkroom's own command."""
    running = RunningEnvironment(client.endpoint_url, client.pid, client.outputs, client.sandboxes)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    return client


def run(*arguments: str) -> str:
    """What Darkroom's command prints."""
    said = CliRunner().invoke(main, arguments)
    assert said.exit_code == 0, said.output
    return said.stdout


def states(prefix: str) -> Counter[str]:
    """State -> how many tasks below a prefix are in it."""
    return Counter(task["state"] for task in json.loads(run("status", prefix, "--json", "--all")))


def wait_for(prefix: str, expected: dict[str, int]) -> None:
    """Wait until so many tasks below a prefix are in these states."""
    until = time.monotonic() + TIMEOUT_S
    while (found := states(prefix)) != Counter(expected):
        assert time.monotonic() < until, f"{prefix}: {dict(found)} in place of {expected}"
        time.sleep(1)


def spent_by(client: EnvironmentClient, act: Callable[[], None]) -> float:
    """What the provider's ledger takes while something is done."""
    before = client.credits(PROVIDER)
    act()
    return client.credits(PROVIDER) - before


def test_a_night_costs_what_was_said_and_nothing_when_it_is_dropped_again(
    shop: EnvironmentClient, tmp_path: Path
) -> None:
    """Estimate, ledger and `costs` agree; the same photos in another folder are copied."""
    folder = fill(tmp_path / "shop", range(PHOTOS), {**DEFAULT, "reuse": True})
    estimate = json.loads(
        run("put", str(folder), "--prefix", "money/first/", "--estimate", "--json")
    )

    def drop(prefix: str) -> None:
        sync(shop, folder, prefix)
        wait_for(prefix, {"succeeded": PHOTOS})

    spent = spent_by(shop, lambda: drop("money/first/"))
    assert estimate["new"] == PHOTOS
    assert estimate["by_provider"][PROVIDER]["credits"] == pytest.approx(spent, rel=0.05)
    [costs] = json.loads(run("costs", "money/first/", "--json"))["rows"]
    assert (costs["value"], costs["credits"]) == (PROVIDER, pytest.approx(spent))

    assert spent_by(shop, lambda: drop("money/second/")) == 0
    for number in range(PHOTOS):
        manifest = shop.manifest(f"money/second/photo-{number:03}.png/remove-background")
        first = shop.manifest(f"money/first/photo-{number:03}.png/remove-background")
        assert manifest["reused_from"] == first["task_id"]


def test_budget_of_a_folder_stops_its_photos_and_lets_them_go_on(
    shop: EnvironmentClient, tmp_path: Path
) -> None:
    """As many as fit are done; the others are held until the budget is raised."""
    price, fit = 1, FEW // 3
    default = {**DEFAULT, "budget": {"credits": price * fit, "per": "ever"}}
    folder = fill(tmp_path / "shop", range(1000, 1000 + FEW), default)

    def drop() -> None:
        sync(shop, folder, "money/budget/")
        wait_for("money/budget/", {"succeeded": fit, "held": FEW - fit})

    assert spent_by(shop, drop) == price * fit
    why = json.loads(run("status", "money/budget/", "--state", "held", "--json"))
    assert all("budget of money/budget/_darkroom.json" in json.dumps(task) for task in why)

    def raise_budget() -> None:
        default["budget"] = {"credits": price * FEW, "per": "ever"}
        shop.drop("money/budget/_darkroom.json", default)
        wait_for("money/budget/", {"succeeded": FEW})

    assert spent_by(shop, raise_budget) == price * (FEW - fit)


def test_proof_charges_for_the_proof_alone_until_a_person_decides(
    shop: EnvironmentClient, tmp_path: Path
) -> None:
    """What is approved goes on; what is cancelled costs nothing."""
    prefixes = ("money/approved/", "money/dropped/")
    proof = 2
    for number, prefix in enumerate(prefixes):
        first = 2000 + FEW * number
        folder = fill(tmp_path / f"shop-{number}", range(first, first + FEW), DEFAULT)

        def put(folder: Path = folder, prefix: str = prefix) -> None:
            run("put", str(folder), "--prefix", prefix, "--proof", str(proof), "--yes")
            wait_for(prefix, {"succeeded": proof, "held": FEW - proof})

        assert spent_by(shop, put) == proof

    def decide() -> None:
        run("approve", prefixes[0], "--yes")
        run("cancel", prefixes[1], "--yes")
        wait_for(prefixes[0], {"succeeded": FEW})
        wait_for(prefixes[1], {"succeeded": proof, "cancelled": FEW - proof})

    assert spent_by(shop, decide) == FEW - proof
