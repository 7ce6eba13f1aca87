"""`darkroom put --apply` and `--existing` take their own options."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from darkroom.domain.arrivals import PhotoErrand
from infra.cli.existing import command as existing
from infra.cli.main import main
from infra.cli.offline_specs import offline_providers
from tests.fakes.providers import PNG
from tests.pipeline.harness import PipelineHarness


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> PipelineHarness:
    """An environment in memory with two photos."""
    harness = PipelineHarness()
    harness.inputs.put("photos/a.jpg", PNG)
    harness.inputs.put("photos/b.jpg", PNG)
    target = SimpleNamespace(
        ports=replace(harness.ports, providers=offline_providers()),
        require_output=lambda _name: "",
        may_read_secret=lambda _provider: False,
    )
    monkeypatch.setattr(existing, "find_target", lambda _environment: target)
    return harness


def run(*args: str, code: int = 0) -> Any:
    """The command's output as JSON, or what it says when it fails."""
    said = CliRunner().invoke(main, ["put", *args, "--json"])
    assert said.exit_code == code, said.output
    return json.loads(said.stdout) if code == 0 else said.stderr


def test_apply_gives_the_photos_of_a_folder_to_intake(harness: PipelineHarness) -> None:
    """The folder is written with or without its slash."""
    assert run("--apply", "photos") == {"sent": 2, "skipped": 0, "after": None}
    assert harness.errands.bodies == [
        PhotoErrand("photos/a.jpg").as_message(),
        PhotoErrand("photos/b.jpg").as_message(),
    ]


def test_existing_takes_an_operation(harness: PipelineHarness) -> None:
    """And stops after `--limit` photos."""
    args = ("--operation", "upscale", "--param", "scale=2", "--provider", "snapapi")
    done = run("--existing=photos/", *args, "--limit", "1")

    assert (done["sent"], done["after"]) == (1, "photos/a.jpg")
    message = json.loads(harness.errands.bodies[0])
    assert message["spec"] == {
        "priority": 0,
        "operation": "upscale",
        "provider": "snapapi",
        "params": {"scale": 2},
    }
    assert message["source"] == "photos/a.jpg"


def test_existing_takes_a_spec(harness: PipelineHarness, tmp_path: Path) -> None:
    """Its priority stays."""
    spec = tmp_path / "spec.json"
    spec.write_text('{"operation": "upscale", "priority": 3}')
    run("--existing", "photos/", "--spec", str(spec))

    assert json.loads(harness.errands.bodies[0])["spec"]["priority"] == 3


def test_estimate_says_what_it_costs_and_starts_nothing(harness: PipelineHarness) -> None:
    """A task for each photo that has none yet, at the price of the provider that is first."""
    args = ("--existing=photos/", "--operation", "remove-background", "--provider", "snapapi")
    said = CliRunner().invoke(main, ["put", *args, "--estimate"])
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("2 tasks; 2 credits at snapapi (")
    assert harness.errands.bodies == []


def test_estimate_of_folder_defaults_counts_each_of_their_specs(harness: PipelineHarness) -> None:
    """Of the nearest file; photos that it leaves alone count nothing."""
    rule = {"specs": [{"label": "cut", "operation": "remove-background"}], "exclude": ["b*"]}
    harness.inputs.put("photos/_darkroom.json", json.dumps(rule).encode())
    said = CliRunner().invoke(main, ["put", "--apply", "photos", "--estimate"])
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("1 task; ")


def test_much_is_asked_before_anything_starts(harness: PipelineHarness) -> None:
    """Without a terminal the command ends, and says how to go on."""
    args = ("--existing=photos/", "--operation", "remove-background", "--ask-above", "1")
    said = CliRunner().invoke(main, ["put", *args])
    assert said.exit_code == 2
    assert "pay for 2 tasks, which is more than 1 tasks" in said.stderr
    assert "start with --yes" in said.stderr
    assert harness.errands.bodies == []
    assert run(*args, "--yes")["sent"] == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--existing", "photos/"), 2),
        (("--apply", "photos", "--operation", "upscale"), 2),
        (("--existing", "photos/", "--operation", "upscale", "--param", "x"), 2),
        (("--existing", "photos/", "--operation", "upscal"), 1),
        (("--existing", "photos/", "--operation", "upscale", "--param", "scael=2"), 1),
        (("--apply", "photos", "--limit", "0"), 2),
    ],
)
@pytest.mark.usefixtures("harness")
def test_wrong_use_sends_nothing(args: Sequence[str], code: int, harness: PipelineHarness) -> None:
    """The spec is checked before any photo gets it."""
    assert run(*args, code=code)
    assert not harness.errands.bodies


def test_help_of_put_names_both(harness: PipelineHarness) -> None:
    """They are a command of their own."""
    said = CliRunner().invoke(main, ["put", "--help"])
    assert "--apply FOLDER" in said.stdout
    own = CliRunner().invoke(main, ["put", "--apply", "photos", "--help"])
    assert own.exit_code == 0
    assert "--limit" in own.stdout
    assert not harness.errands.bodies
