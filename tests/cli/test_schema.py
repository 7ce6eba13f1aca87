"""The spec's JSON Schema: published as generated, and of one mind with the checks."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types
from referencing import Registry

from darkroom.domain.folder_default import read_default
from infra.cli import event_schemas
from infra.cli.checkout import EVENTS, SPECS
from infra.cli.main import main
from infra.cli.offline_specs import check_spec, find_offered
from infra.cli.spec_schema import FILES, build_schemas, build_texts

MAX_BYTES = 80_000
TASK = {
    "operation": "task",
    "model": "kling",
    "task_type": "video_generation",
    "params": {"prompt": "a cat", "duration": 5},
}


@pytest.fixture(scope="module")
def validator() -> Any:
    """A validator of the generated schema, itself checked; its parts lie in one folder."""
    parts = {f"https://example.org/{FILES[part]}": schema for part, schema in _schemas().items()}
    for schema in parts.values():
        Draft202012Validator.check_schema(schema)
    registry = Registry().with_contents(parts.items())
    return Draft202012Validator({"$ref": f"https://example.org/{FILES['spec']}"}, registry=registry)


def _schemas() -> dict[str, dict[str, Any]]:
    return build_schemas(find_offered())


@pytest.mark.parametrize("part", FILES)
def test_the_published_schema_is_current(part: str) -> None:
    """Editors get what the code checks; `darkroom schema --write events` brings it up to date."""
    assert (EVENTS / FILES[part]).read_text(encoding="utf-8") == build_texts()[part]


def test_the_published_schema_is_small() -> None:
    """An editor loads it for every spec; what `task` wants is a part of its own for that reason."""
    assert (EVENTS / FILES["spec"]).stat().st_size < MAX_BYTES


def test_the_command_prints_the_schema() -> None:
    """What is printed is the schema and nothing else."""
    said = CliRunner().invoke(main, ["schema"])
    assert said.exit_code == 0
    operations = json.loads(said.stdout)["properties"]["operation"]["enum"]
    assert operations == sorted({route.operation for route in find_offered()})


def test_the_command_prints_what_a_task_wants() -> None:
    """The second part, by the operation's name."""
    said = CliRunner().invoke(main, ["schema", "task"])
    assert said.exit_code == 0
    assert said.stdout == build_texts()["task"]


def test_the_command_writes_both_parts_into_a_folder(tmp_path: Path) -> None:
    """Beside each other, and says what has changed; those of messages and events below."""
    said = [CliRunner().invoke(main, ["schema", "--write", str(tmp_path)]) for _ in range(2)]
    assert [one.exit_code for one in said] == [0, 0]
    files = {**FILES, **event_schemas.FILES}
    texts = {**build_texts(), **event_schemas.build_event_texts()}
    written = (path for path in tmp_path.rglob("*") if path.is_file())
    assert {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in written} == {
        files[part]: text for part, text in texts.items()
    }
    assert said[0].stderr.count("is new") == len(files)
    assert said[1].stderr.count("was up to date") == len(files)


def test_every_sample_spec_fits_the_schema() -> None:
    """The samples show no red lines in an editor, which follows the addresses in the files."""
    registry = Registry().with_contents(
        (f"{EVENTS.as_uri()}/{name}", json.loads((EVENTS / name).read_text("utf-8")))
        for name in FILES.values()
    )
    for path in SPECS.glob("*.json"):
        spec = json.loads(path.read_text())
        address = urljoin(path.as_uri(), spec["$schema"])
        validator = Draft202012Validator({"$ref": address}, registry=registry)
        assert list(validator.iter_errors(spec)) == [], path


@pytest.fixture(scope="module")
def default_validator() -> Any:
    """A validator of the folder default's schema, itself checked."""
    schema = _schemas()["folder-default"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_sample_folder_defaults_fit_the_schema_and_the_checks(default_validator: Any) -> None:
    """Each of them names the schema's file."""
    samples = sorted(EVENTS.glob("defaults/**/_darkroom.json"))
    assert len(samples) == 3
    for path in samples:
        assert (path.parent / json.loads(path.read_text())["$schema"]).resolve() == (
            EVENTS / FILES["folder-default"]
        )
        assert list(default_validator.iter_errors(json.loads(path.read_text()))) == [], path
        read_default(path.read_bytes(), path.name, "v1")


@pytest.mark.parametrize(
    "default",
    [
        {},
        {"operation": None, "params": {"anything": 1}},
        {"operation": "upscale", "params": {"scale": 2}, "provider": "snapapi"},
        {"operation": "task", "model": "kling"},
        {"specs": [{"label": "a", "operation": "upscale"}], "match": ["*.jpg"]},
        [{"label": "a"}],
    ],
)
def test_folder_default_may_say_a_part(default_validator: Any, default: Any) -> None:
    """Another file may say the rest."""
    assert list(default_validator.iter_errors(default)) == []
    read_default(json.dumps(default).encode(), "_darkroom.json", "v1")


@pytest.mark.parametrize(
    "default",
    [
        {"opration": "upscale"},
        {"operation": "upscal"},
        {"operation": "upscale", "params": {"scael": 2}},
        {"operation": "upscale", "inputs": {"garment": "x.png"}},
        {"provider": "kodak"},
        {"settle_s": 901},
        {"specs": []},
        [{"operation": "upscale"}],
        [{"label": "a", "operation": "upscal"}],
        "upscale",
    ],
)
def test_wrong_folder_default_does_not_fit(default_validator: Any, default: Any) -> None:
    """An editor marks it."""
    assert not default_validator.is_valid(default)


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
        {"operation": "upscale", "provider": "goapi", "params": {"scale": 11}},
        {"operation": "edit", "provider": "snapapi"},
        {"operation": "generate", "params": {"aspect_ratio": "3:2"}},
        {"operation": "upscale", "on_unknown": "pray"},
        {"operation": "upscale", "model": "topaz", "task_type": "upscale"},
        {"operation": "task", "params": {"prompt": "a cat"}},
        {"operation": "task", "model": "kling", "task_type": "dance"},
        {**TASK, "provider": "snapapi"},
        {**TASK, "params": {"prompt": "a cat", "duration": "5"}},
        {**TASK, "inputs": {"garment": "x.png"}},
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
        {"operation": "upscale", "params": {"format": None}, "model": None, "task_type": None},
        TASK,
    ],
)
def test_schema_and_checks_accept_the_same(validator: Any, spec: dict[str, Any]) -> None:
    """What intake would take shows no red line."""
    assert list(validator.iter_errors(spec)) == []
    assert check_spec(json.dumps(spec).encode(), "cat.jpg.json").order is not None


def test_every_parameter_of_every_route_is_in_the_schema() -> None:
    """Nothing that a provider takes is missing from what an editor offers."""
    offered = {name for name, _ in _fields()}
    for route in find_offered():
        assert set(route.params.model_fields) <= offered


def test_every_bound_is_said_in_words_that_an_editor_knows() -> None:
    """Pydantic writes a bound that it cannot translate in a word of its own."""
    words = {*Draft202012Validator.VALIDATORS, "default", "description"}
    assert [(name, rule) for name, rule in _fields() if not words.issuperset(rule)] == []


def _fields() -> list[tuple[str, dict[str, Any]]]:
    """Every parameter's name and what is said of it, in both parts."""
    shapes = [shape for schema in _schemas().values() for shape in schema["$defs"].values()]
    return [field for shape in shapes for field in shape.get("properties", {}).items()]
