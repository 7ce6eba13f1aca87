"""`darkroom providers`: the table of who does what."""

import json

from click.testing import CliRunner

from infra.cli import main
from infra.cli.declared import find_routes
from infra.cli.providers import build_markdown


def test_json_lists_each_providers_operations() -> None:
    """Programs get provider -> sorted operations, complete."""
    said = CliRunner().invoke(main, ["providers", "--json"])
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    for provider, operations in told.items():
        own = {route.operation for route in find_routes() if route.provider == provider}
        assert operations == sorted(own)
    assert set(told) == {route.provider for route in find_routes()}


def test_markdown_has_a_row_per_operation_and_every_model() -> None:
    """The README's table leaves out no operation and no model."""
    table = build_markdown()
    rows = table.splitlines()[2:]
    assert len(rows) == len({route.operation for route in find_routes()})
    for route in find_routes():
        row = next(row for row in rows if row.startswith(f"| `{route.operation}` |"))
        assert f"`{route.model}`" in row


def test_the_plain_table_names_every_operation() -> None:
    """People see all operations without an option, and in a pipe no name is cut."""
    said = CliRunner().invoke(main, ["providers"])
    for route in find_routes():
        assert route.operation in said.stdout
        assert route.model in said.stdout
