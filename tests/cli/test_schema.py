"""The spec's JSON Schema: published as generated, and of one mind with the checks."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from infra.cli.checkout import SCHEMA, SPECS
from infra.cli.main import main
from infra.cli.offline_specs import check_spec, find_offered
from infra.cli.spec_schema import build_schema, schema_text


@pytest.fixture(scope="module")
def validator() -> Any:
    """A validator of the generated schema, itself checked."""
    schema = build_schema(find_offered())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_published_schema_is_current() -> None:
    """Editors get what the code checks; `darkroom schema --write` brings the file up to date."""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


def test_the_command_prints_the_schema() -> None:
    """What is printed is the schema and nothing else."""
    said = CliRunner().invoke(main, ["schema"])
    assert said.exit_code == 0
    operations = json.loads(said.stdout)["properties"]["operation"]["enum"]
    assert operations == sorted({route.operation for route in find_offered()})


def test_every_sample_spec_fits_the_schema(validator: Any) -> None:
    """The samples show no red lines in an editor."""
    for path in SPECS.glob("*.json"):
        assert list(validator.iter_errors(json.loads(path.read_text()))) == [], path


@pytest.mark.parametrize(
    "spec",
    [
        {"operation": "upscal"},
        {"operation": "upscale", "parms": {}},
        {"operation": "upscale", "params": {"scale": "2"}},
        {"operation": "upscale", "provider": "snapapi", "params": {"seed": 1}},
        {"operation": "upscale", "provider": "kodak"},
        {"operation": "upscale", "provider": "snapapi", "model": "topaz"},
        {"operation": "try-on", "provider": "apiframe"},
        {"operation": "upscale", "inputs": {"garment": "x.png"}},
        {"operation": "edit", "provider": "snapapi"},
        {"operation": "generate", "params": {"aspect_ratio": "3:2"}},
        {"operation": "upscale", "on_unknown": "pray"},
        {"provider": "snapapi"},
    ],
)
def test_schema_and_checks_refuse_the_same(validator: Any, spec: dict[str, Any]) -> None:
    """What an editor marks is what intake would refuse."""
    assert not validator.is_valid(spec)
    assert check_spec(json.dumps(spec).encode(), "cat.jpg.json").order is None


@pytest.mark.parametrize(
    "spec",
    [
        {"operation": "upscale"},
        {"operation": "upscale", "provider": ["snapapi", "apiframe"], "params": {"scale": 2}},
        {"operation": "upscale", "provider": "apiframe", "model": "clarity", "params": {}},
        {"operation": "edit", "model": "flux-kontext", "params": {"prompt": "warmer"}},
        {
            "operation": "combine",
            "inputs": {"image": ["a.jpg", "b.jpg"]},
            "params": {"prompt": "x"},
        },
        {"$schema": "../spec.schema.json", "operation": "restore", "metadata": {"sku": [1]}},
    ],
)
def test_schema_and_checks_accept_the_same(validator: Any, spec: dict[str, Any]) -> None:
    """What intake would take shows no red line."""
    assert list(validator.iter_errors(spec)) == []
    assert check_spec(json.dumps(spec).encode(), "cat.jpg.json").order is not None


def test_every_parameter_of_every_route_is_in_the_schema() -> None:
    """Nothing that a provider takes is missing from what an editor offers."""
    schema = build_schema(find_offered())
    offered = {name for model in schema["$defs"].values() for name in model.get("properties", {})}
    for route in find_offered():
        assert set(route.params.model_fields) <= offered
