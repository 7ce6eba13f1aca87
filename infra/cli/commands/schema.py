"""`darkroom schema`: the spec's JSON Schema, so that editors complete and check specs."""

import click

from infra.cli.checkout import SCHEMA, need_checkout
from infra.cli.printing import say, say_lines


@click.command(name="schema")
@click.option("--write", is_flag=True, help=f"Bring {SCHEMA.name} in the checkout up to date.")
def command(*, write: bool) -> None:
    """Print the JSON Schema of the spec, with every operation and its parameters."""
    from infra.cli.spec_schema import schema_text  # noqa: PLC0415 - builds every model's schema

    if not write:
        say_lines(schema_text())
        return
    need_checkout()
    text = schema_text()
    changed = not SCHEMA.is_file() or SCHEMA.read_text(encoding="utf-8") != text
    if changed:
        SCHEMA.write_text(text, encoding="utf-8")
    say(f"{SCHEMA} {'is new' if changed else 'was up to date'}", err=True)
