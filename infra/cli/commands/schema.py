"""`darkroom schema`: the spec's JSON Schema, so that editors complete and check specs."""

from pathlib import Path

import click

from infra.cli.printing import say, say_lines


@click.command(name="schema")
@click.argument(
    "part",
    type=click.Choice(
        [
            *("spec", "task", "folder-default", "request", "task-event", "batch-event"),
            *("tasks-held-event", "account-empty-event", "asyncapi"),
        ]
    ),
    default="spec",
)
@click.option(
    "--write",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write all parts as files into this folder, where they find each other.",
)
def command(part: str, folder: Path | None) -> None:
    """Print a JSON Schema: by default that of the spec, with every operation and its parameters.

    What the operation 'task' wants is a part of its own, to which the other refers by the name of
    its file, 'spec-task.schema.json'. The part 'folder-default' is for '_darkroom.json'. 'request'
    is a message to the intake queue, those that end in '-event' are the details of events, and
    'asyncapi' is the AsyncAPI document of all of them.
    """
    # Both build every model's schema.
    from infra.cli import event_schemas, spec_schema  # noqa: PLC0415

    texts = spec_schema.build_texts() | event_schemas.build_event_texts()
    files = dict(spec_schema.FILES) | event_schemas.FILES
    if folder is None:
        say_lines(texts[part])
        return
    for name, text in texts.items():
        path = folder / files[name]
        path.parent.mkdir(exist_ok=True)
        changed = not path.is_file() or path.read_text(encoding="utf-8") != text
        if changed:
            path.write_text(text, encoding="utf-8")
        say(f"{path} {'is new' if changed else 'was up to date'}", err=True)
