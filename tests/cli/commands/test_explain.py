"""`darkroom explain`: the spec of a photo, and where each value of it comes from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from darkroom.domain.order import Trigger
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.price_table import fixed_price
from infra.cli.explain.explanation import explain_key
from infra.cli.main import main
from tests.fakes.providers import PNG, FakeProviders
from tests.fakes.routes import ROUTES, SYNC_NONE
from tests.pipeline.harness import PipelineHarness

DEFAULT = {"operation": "upscale", "params": {"scale": 2}}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder as it would be uploaded."""
    write(tmp_path, "_darkroom.json", {"provider": "snapapi", "metadata": {"sku": "A"}})
    write(tmp_path, "photos/_darkroom.json", DEFAULT)
    write(tmp_path, "photos/cat.jpg", "a photo")
    return tmp_path


def write(folder: Path, key: str, content: Any) -> None:
    """Write a file, as JSON unless it is a text."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def explain(folder: Path, key: str = "photos/cat.jpg", code: int = 0) -> dict[str, Any]:
    """What the command prints as JSON."""
    said = CliRunner().invoke(main, ["explain", key, "--local", str(folder), "--json"])
    assert said.exit_code == code, said.output
    document: dict[str, Any] = json.loads(said.stdout)
    return document


def test_every_value_names_its_file(shop: Path) -> None:
    """Before anything is uploaded."""
    found = explain(shop)
    (spec,) = found["specs"]

    assert found["defaults"] == ["photos/_darkroom.json", "_darkroom.json"]
    assert spec["values"] == {
        "operation": "upscale",
        "params.scale": 2,
        "provider": "snapapi",
        "metadata": {"sku": "A"},
    }
    assert spec["origins"] == {
        "operation": "photos/_darkroom.json",
        "params.scale": "photos/_darkroom.json",
        "provider": "_darkroom.json",
        "metadata": "_darkroom.json",
    }
    assert spec["choices"] == [{"provider": "snapapi", "model": "enhance-upscale-image"}]
    assert spec["manifest"] == "photos/cat.jpg/upscale.manifest.json"
    assert spec["results"] == "photos/cat.jpg/upscale"
    assert found["settle_s"] == 10


def test_text_has_a_line_for_each_value(shop: Path) -> None:
    """With the file at its end."""
    said = CliRunner().invoke(main, ["explain", str(shop / "photos/cat.jpg"), "--local", str(shop)])

    assert said.exit_code == 0
    lines = said.stdout.splitlines()
    assert lines[0] == "photos/cat.jpg"
    assert any(line.split() == ["params.scale", "2", "photos/_darkroom.json"] for line in lines)
    assert "  waits 10 s for a spec of its own" in lines


def test_own_spec_comes_first(shop: Path) -> None:
    """It is the only one; the folders fill it."""
    write(shop, "photos/cat.jpg.thumb.json", {"params": {"scale": 4}})
    found = explain(shop)
    (spec,) = found["specs"]

    assert (spec["made_by"], spec["label"]) == ("photos/cat.jpg.thumb.json", "thumb")
    assert spec["origins"]["params.scale"] == "photos/cat.jpg.thumb.json"
    assert spec["origins"]["operation"] == "photos/_darkroom.json"
    assert found["settle_s"] is None
    assert explain(shop, "photos/cat.jpg.thumb.json") == found


@pytest.mark.parametrize(
    ("key", "by", "word"),
    [
        ("photos/cat.mask.png", "photos/_darkroom.json", "'*.mask.*'"),
        ("cat.jpg", "_darkroom.json", "'operation'"),
    ],
)
def test_photo_that_is_left_alone(shop: Path, key: str, by: str, word: str) -> None:
    """By which file and which glob; the photo need not exist."""
    found = explain(shop, key)

    assert found["specs"] == []
    assert found["left_alone"]["by"] == by
    assert word in found["left_alone"]["sentence"]


def test_broken_default_is_named(shop: Path) -> None:
    """The photo would wait for its correction."""
    write(shop, "photos/_darkroom.json", {"opration": "upscale"})
    found = explain(shop, code=1)

    assert found["broken"]["sentence"].startswith("photos/_darkroom.json")
    said = CliRunner().invoke(main, ["explain", "photos/cat.jpg", "--local", str(shop)])
    assert "waits for a correction" in said.stdout
    assert said.exit_code == 1


def test_refused_value_names_its_file(shop: Path) -> None:
    """As the manifest would."""
    write(shop, "photos/_darkroom.json", {"operation": "upscale", "params": {"scale": 3}})
    found = explain(shop, code=1)

    failure = found["specs"][0]["failure"]
    assert failure["code"] == "bad-params"
    assert failure["sentence"].startswith("photos/_darkroom.json: ")


def test_two_photos_with_one_name_are_found_before_they_are_paid(shop: Path) -> None:
    """Also two results of one photo."""
    output = {"name": "{stem}", "folder": "/done"}
    write(shop, "photos/_darkroom.json", DEFAULT | {"output": output})
    write(shop, "photos/cat.png", "another photo")
    assert explain(shop, code=1)["specs"][0]["conflicts"] == [
        "'done/cat' belongs to 'photos/cat.png'"
    ]
    specs = [{"label": "a"}, {"label": "b"}]
    write(shop, "photos/_darkroom.json", DEFAULT | {"output": output, "specs": specs})
    (shop / "photos/cat.png").unlink()
    found = explain(shop, code=1)["specs"]
    assert [spec["conflicts"] for spec in found] == [
        [],
        ["'done/cat' belongs to this photo's label 'a'"],
    ]


def test_other_files_are_refused(shop: Path) -> None:
    """With a sentence that says what to name."""
    said = CliRunner().invoke(main, ["explain", "photos/notes.txt", "--local", str(shop)])

    assert said.exit_code == 1
    assert "neither a photo nor a spec" in said.stderr


def test_ceiling_of_the_environment_leaves_dearer_providers_out() -> None:
    """As INTAKE does when it makes the task."""
    routes = [
        replace(route, credits=fixed_price(1.0)) if route.provider == "beta" else route
        for route in ROUTES
    ]
    harness = PipelineHarness(providers=FakeProviders(routes))
    harness.inputs.put("photos/cat.jpg", PNG)
    harness.inputs.put("photos/_darkroom.json", json.dumps({"operation": SYNC_NONE}).encode())

    def first(most: PriceLimit | None) -> str:
        ports = harness.ports
        found = explain_key(ports.inputs, ports.providers, "photos/cat.jpg", _free, most)
        return found.specs[0].choices[0].provider

    assert first(None) == "alpha"
    assert first(PriceLimit(credits=1)) == "beta"


def _free(name: str, trigger: Trigger) -> None:
    """Every name is free."""
    del name, trigger
