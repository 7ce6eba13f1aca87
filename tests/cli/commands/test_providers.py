"""`darkroom providers`: the table of operations, providers and models."""

import json

from click.testing import CliRunner

from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from infra.cli.commands.providers import build_markdown
from infra.cli.main import main
from infra.cli.offline_specs import find_offered, find_routes


def test_json_lists_each_providers_operations() -> None:
    """Provider -> its usable operations, sorted and complete."""
    result = CliRunner().invoke(main, ["providers", "--json"])
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    for provider, operations in printed.items():
        own = {route.operation for route in find_offered() if route.provider == provider}
        assert operations == sorted(own)
    assert set(printed) == {route.provider for route in find_routes()}


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
    """In a pipe no name is cut."""
    result = CliRunner().invoke(main, ["providers"])
    for route in find_offered():
        assert route.operation in result.stdout
        assert TASK_TYPE_SEPARATOR in route.model or route.model in result.stdout


def test_an_operation_is_shown_with_inputs_and_parameters() -> None:
    """Optional ones are in brackets; with values, formats, sizes and prices."""
    result = CliRunner().invoke(main, ["providers", "hairstyle"])
    assert result.exit_code == 0
    assert "hair-style" in result.stdout
    assert "[style_group]" in result.stdout
    assert "image: jpg, to 10 MB, to 1024 px" in result.stdout
    assert "6 credits, $0.003" in result.stdout
    assert "1 credit " in result.stdout


def test_an_operation_that_is_not_documented_is_shown_with_the_reason() -> None:
    """The provider names it, but does not describe how to call it."""
    result = CliRunner().invoke(main, ["providers", "blur-background"])
    assert "do not describe how to call it" in result.stdout.replace("\n", " ")


def test_an_unknown_operation_is_wrong_usage() -> None:
    """The message lists the known ones."""
    result = CliRunner().invoke(main, ["providers", "upscal"])
    assert result.exit_code == 2
    assert "upscale" in result.stderr
