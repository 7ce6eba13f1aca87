"""`darkroom providers`: the table of who does what."""

import json

from click.testing import CliRunner

from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from infra.cli.commands.providers import build_markdown
from infra.cli.main import main
from infra.cli.offline_specs import find_offered, find_routes


def test_json_lists_each_providers_operations() -> None:
    """Programs get provider -> sorted operations that can be had, complete."""
    said = CliRunner().invoke(main, ["providers", "--json"])
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    for provider, operations in told.items():
        own = {route.operation for route in find_offered() if route.provider == provider}
        assert operations == sorted(own)
    assert set(told) == {route.provider for route in find_routes()}


def test_markdown_has_a_row_per_operation_and_every_model() -> None:
    """The README's table leaves out no operation; models with task types are counted."""
    table = build_markdown()
    rows = table.splitlines()[2:]
    assert len(rows) == len({route.operation for route in find_routes()})
    for route in find_routes():
        row = next(row for row in rows if row.startswith(f"| `{route.operation}` |"))
        if route.refusal is not None:
            assert "known, not documented" in row
        elif TASK_TYPE_SEPARATOR in route.model:
            assert "models and task types" in row
        else:
            assert f"`{route.model}`" in row


def test_the_plain_table_names_every_operation() -> None:
    """People see all operations without an option, and in a pipe no name is cut."""
    said = CliRunner().invoke(main, ["providers"])
    for route in find_offered():
        assert route.operation in said.stdout
        assert TASK_TYPE_SEPARATOR in route.model or route.model in said.stdout


def test_an_operation_is_shown_with_what_each_way_takes() -> None:
    """Models, inputs and params, those that may be left out in brackets."""
    said = CliRunner().invoke(main, ["providers", "hairstyle"])
    assert said.exit_code == 0
    assert "hair-style" in said.stdout
    assert "[style_group]" in said.stdout


def test_an_operation_that_is_refused_says_why() -> None:
    """It is known all the same."""
    said = CliRunner().invoke(main, ["providers", "blur-background"])
    assert "do not describe how to call it" in said.stdout.replace("\n", " ")


def test_an_unknown_operation_is_a_wrong_usage() -> None:
    """The message lists what there is."""
    said = CliRunner().invoke(main, ["providers", "upscal"])
    assert said.exit_code == 2
    assert "upscale" in said.stderr
