"""`darkroom local`: run the whole stack on this machine; optionally watch a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import shell_quote
from infra.cli.checkout import need_checkout, program_name
from infra.cli.lifecycle import local_environment, until_stopped, wait_for_stop
from infra.cli.printing import note, say
from infra.loopback_guard import ACCESS_KEY

if TYPE_CHECKING:
    from infra.cli.target import Target

PORT: Final = 4577


@click.command(name="local")
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)
@click.option(
    "--watch",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Upload what is put here, and save results in FOLDER/out.",
)
@click.option(
    "--workers",
    default=2,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Processes per function.",
)
def command(port: int, folder: Path | None, workers: int) -> None:
    """Run the whole stack on this machine until Ctrl-C.

    State is kept in memory and lost at the end.
    """
    need_checkout()
    with until_stopped(), local_environment(say=note, port=port, workers=workers) as local:
        _print(local)
        if folder is None:
            wait_for_stop()
        else:
            _watch(local, folder)


def _print(local: "Target") -> None:
    say(f"ready {local.endpoint_url}")
    say(f"input bucket   {local.input_bucket}")
    say(f"output bucket  {local.output_bucket}")
    for provider, url in local.sandboxes.items():
        say(f"sandbox        {provider} {url}")
    darkroom = shell_quote(program_name())
    aws = f"aws --endpoint-url {local.endpoint_url} s3 cp"
    specs = "events/specs/remove-background.snapapi.json"
    photo = shell_quote(f"s3://{local.input_bucket}/photos/chelsea.jpg")
    result = shell_quote(f"s3://{local.output_bucket}/photos/chelsea.jpg/remove-background.png")
    for line in (
        "",
        "Try it from another terminal, in the checkout:",
        f"  export AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={ACCESS_KEY}",
        # Version 1 of the AWS CLI does not read AWS_REGION.
        "  export AWS_DEFAULT_REGION=us-east-1",
        f"  {aws} events/photos/chelsea.jpg {photo}",
        f"  {aws} {specs} {photo}.json",
        f"  {aws} {result} .",
        f"or: {darkroom} put events/photos/coffee.jpg --operation upscale --wait",
        "Ctrl-C stops it.",
    ):
        say(line, err=True)


def _watch(local: "Target", folder: Path) -> None:
    from infra.cli.hot_folder.s3_buckets import S3Buckets  # noqa: PLC0415 - only for --watch
    from infra.cli.hot_folder.sync import HotFolder  # noqa: PLC0415 - the same
    from infra.cli.hot_folder.watch import run  # noqa: PLC0415 - the same

    note(f"watching {folder}; results go to {folder / 'out'}")
    run(HotFolder(folder, S3Buckets(local), note))
