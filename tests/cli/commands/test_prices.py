"""`darkroom prices`: documented, set and charged prices, with their date and source."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from darkroom.aws.dynamodb_charges import DynamoCharges
from darkroom.domain.prices import LATELY, SETTINGS, Charge, terms_of
from infra.cli.main import main
from infra.cli.offline_specs import find_offered
from infra.local import running_file
from tests.cli.conftest import MotoEnvironment
from tests.fakes.environments_file import write_environments
from tests.fakes.moto_aws import table
from tests.fakes.run_adapter import route_of

NOW = datetime.now(UTC)
TOPAZ = route_of("apiframe", "upscale", "topaz")
SORA = route_of("goapi", "animate", "sora2")
CLARITY = route_of("apiframe", "upscale", "clarity")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prices", *arguments])


def _prices(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["prices"]
    return rows


def _row(result: Result, model: str, parameters: str = "") -> dict[str, Any]:
    rows = _prices(result)
    return next(row for row in rows if (row["model"], row["parameters"]) == (model, parameters))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment is there."""
    monkeypatch.delenv("DARKROOM_ENV", raising=False)
    monkeypatch.setattr(running_file, "find_running", lambda: None)


@pytest.mark.usefixtures("alone")
def test_documented_price_has_a_row_for_each_case() -> None:
    """With credits, dollars, date and source."""
    result = _run("upscale", "--json")
    assert _row(result, "enhance-upscale-image", "scale 4") == {
        "operation": "upscale",
        "provider": "snapapi",
        "model": "enhance-upscale-image",
        "parameters": "scale 4",
        "per": None,
        "credits": 11,
        "usd": 0.0055,
        "basis": "documented",
        "as_of": "2026-11-21",
        "source": "snapapi.ai/en/docs, v1.0.0",
    }
    unknown = _row(result, "topaz-image-upscale")
    assert (unknown["credits"], unknown["usd"], unknown["basis"]) == (None, None, "unknown")


@pytest.mark.usefixtures("alone")
def test_unknown_price_is_said_plainly() -> None:
    """In the table, too; without an environment nothing was learned, which is said on stderr."""
    result = _run("upscale", "--provider", "apiframe")
    assert result.exit_code == 0
    topaz = next(line for line in result.stdout.splitlines() if "topaz" in line)
    assert topaz.count("unknown") == 3
    assert "snapapi" not in result.stdout
    assert "Without what was charged lately" in result.stderr
    assert "no local environment is running" in result.stderr


@pytest.mark.usefixtures("alone")
def test_every_route_is_listed() -> None:
    """In the table the tasks without a price are counted, unless they are asked for."""
    listed = {(row["operation"], row["provider"], row["model"]) for row in _prices(_run("--json"))}
    assert listed == {(one.operation, one.provider, one.model) for one in find_offered()}
    assert "118 more models and task types of goapi have no known price" in _run().stdout
    assert "Qubico/pixal3d" not in _run().stdout
    assert "Qubico/pixal3d" in _run("task").stdout


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("upscal",), "unknown operation 'upscal'"),
        (("--provider", "snap"), "unknown provider 'snap'; use one of: snapapi"),
        (("--env", "prdo"), "Did you mean 'prod'?"),
    ],
)
def test_unknown_name_is_wrong_usage(arguments: tuple[str, ...], sentence: str) -> None:
    """The message lists the known ones."""
    result = _run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_charges_of_the_environment_come_before_the_documents(env: MotoEnvironment) -> None:
    """For the same terms; a price without documents has a row for each terms."""
    store = DynamoCharges(table())
    at = NOW - timedelta(hours=1)
    clarity, topaz = CLARITY.params(), TOPAZ.params.model_validate({"scale": 4})
    assert store.record(CLARITY, terms_of(CLARITY, clarity), Charge(4, at))
    assert store.record(TOPAZ, terms_of(TOPAZ, topaz), Charge(12.5, at))
    assert store.record(SORA, "documented 160", Charge(200, at))
    result = env.run("prices", "--json")
    charged = _row(result, "clarity-upscale")
    assert (charged["credits"], charged["basis"]) == (4, "charged")
    assert (charged["as_of"], charged["source"]) == (at.date().isoformat(), "charged by apiframe")
    assert _row(result, "topaz-image-upscale", "scale 4")["credits"] == 12.5
    assert _row(result, "sora2-video", "per 1 of duration")["credits"] == 40
    assert _row(result, "sora2-video", "documented 160")["credits"] == 200
    assert json.loads(result.stdout)["learned"] is True
    assert result.stderr == ""


def test_old_charge_is_no_price(env: MotoEnvironment) -> None:
    """It is a month old."""
    store = DynamoCharges(table())
    assert store.record(TOPAZ, "scale 2", Charge(12.5, NOW - LATELY - timedelta(days=1)))
    row = _row(env.run("prices", "upscale", "--json"), "topaz-image-upscale")
    assert row["basis"] == "unknown"


def test_settings_of_the_environment_are_prices(
    env: MotoEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before what was charged."""
    price = {"apiframe": {"usd_per_credit": 0.01, "credits": {"upscale:topaz": 12}}}
    write_environments(monkeypatch, tmp_path, {"dev": {"price": price}})
    assert DynamoCharges(table()).record(TOPAZ, "scale 2", Charge(9, NOW))
    result = env.run("prices", "upscale", "--json")
    row = _row(result, "topaz-image-upscale")
    assert (row["credits"], row["usd"], row["basis"]) == (12, 0.12, "setting")
    assert row["source"] == SETTINGS
    assert _row(result, "clarity-upscale")["usd"] == 0.03
