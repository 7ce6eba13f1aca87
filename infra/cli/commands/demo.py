"""`darkroom demo`: the main job on sample photos, in the sandboxes, checked at the end."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from infra.cli.checkout import PHOTOS, need_checkout
from infra.cli.lifecycle import starting, until_stopped, wait_for_stop
from infra.cli.printing import note, open_console, say, say_json

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.demo.samples import Sample
    from infra.cli.demo.verify import SampleResult
    from infra.cli.files.upload import Placed
    from infra.cli.target import Target

WITHIN_S: Final = 60.0
SHEET: Final = "contact-sheet.png"


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Where results go; only what an earlier demo put there is cleared.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
def command(out: Path, *, as_json: bool, keep: bool) -> None:
    """Run the main job on sample photos and check the results.

    Nothing leaves this machine and nothing is paid: the providers are sandboxes.
    """
    from infra.cli.demo.samples import SAMPLES, missing_files  # noqa: PLC0415 - brings numpy along

    need_checkout()
    missing = missing_files(SAMPLES)
    if missing:
        raise click.ClickException(f"the checkout lacks {', '.join(missing)}")
    verdicts: list[SampleResult] | None = None
    with until_stopped(), _no_real_keys():
        began = time.monotonic()
        with starting(say=note) as local:
            verdicts = run(local, SAMPLES, out)
            seconds = time.monotonic() - began
            conclude = _tell_json if as_json else _tell
            conclude(verdicts, out / SHEET, seconds)
            if keep:
                note(f"still up at {local.endpoint_url}; Ctrl-C ends it")
                wait_for_stop()
    if verdicts is None or any(verdict.problem for verdict in verdicts):
        raise click.exceptions.Exit(1)


def run(local: "Target", samples: Sequence["Sample"], out: Path) -> list["SampleResult"]:
    """Do the samples in an environment that is up, and save and check what comes of them."""
    from infra.cli.demo.contact_sheet import draw_contact_sheet  # noqa: PLC0415 - brings Pillow along
    from infra.cli.demo.output_folder import Shelf  # noqa: PLC0415 - the demo alone needs it
    from infra.cli.demo.verify import judge  # noqa: PLC0415 - brings Pillow along

    shelf = Shelf(out)
    shelf.clear()
    placed = _upload(local, samples)
    tasks = _follow(local, placed)
    saved = _download(local, tasks.values(), shelf.place)
    verdicts = [
        judge(sample, tasks.get(spec.task_id), saved, PHOTOS)
        for sample, spec in zip(samples, placed, strict=True)
    ]
    pairs = [verdict.pair for verdict in verdicts if verdict.pair]
    draw_contact_sheet(pairs).save(shelf.place(SHEET))
    return verdicts


def _upload(local: "Target", samples: Sequence["Sample"]) -> list["Placed"]:
    from infra.cli.demo.samples import FOLDER, files_of  # noqa: PLC0415 - brings numpy along
    from infra.cli.files.upload import upload, upload_spec  # noqa: PLC0415 - the same

    files = files_of(samples)
    note(f"uploading {len(files)} files and {len(samples)} specs to {local.input_bucket}")
    for name in files:
        upload(local, FOLDER + name, PHOTOS / name)
    return [upload_spec(local, sample.key, sample.read()) for sample in samples]


def _follow(local: "Target", placed: Sequence["Placed"]) -> "dict[str, Task]":
    from infra.cli.tasks.follow import follow  # noqa: PLC0415 - brings rich along
    from infra.cli.tasks.progress import ProgressTable  # noqa: PLC0415 - the same

    with ProgressTable(open_console(err=True), "Darkroom demo") as board:
        return follow(local.tasks, placed, board.show, WITHIN_S)


def _download(
    local: "Target", tasks: "Iterable[Task]", place: Callable[[str], Path]
) -> dict[str, Path]:
    """Save every result and manifest; key -> file."""
    saved: dict[str, Path] = {}
    for task in tasks:
        if not task.finished:
            continue
        for key in (*(result.key for result in task.results), task.manifest_key):
            path = place(key)
            local.s3.download_file(local.output_bucket, key, str(path))
            saved[key] = path
    return saved


def _tell(verdicts: Sequence["SampleResult"], sheet: Path, seconds: float) -> None:
    for verdict in verdicts:
        for number, path in enumerate(verdict.results):
            say(f"{path}  {_credits(verdict.credits) if number == 0 else '(the same)'}")
    wrong = [verdict for verdict in verdicts if verdict.problem]
    for verdict in wrong:
        say(f"wrong: {verdict.name}: {verdict.problem}", err=True)
    known = sum(verdict.credits or 0 for verdict in verdicts)
    say(
        f"{len(verdicts) - len(wrong)} of {len(verdicts)} as they should be, "
        f"{_credits(known)} in the sandboxes, {seconds:.0f} s"
    )
    say(f"{sheet}  each source beside its result")


def _tell_json(verdicts: Sequence["SampleResult"], sheet: Path, seconds: float) -> None:
    document = {
        "ok": not any(verdict.problem for verdict in verdicts),
        "tasks": [verdict.as_dict() for verdict in verdicts],
        "credits": sum(verdict.credits or 0 for verdict in verdicts),
        "seconds": round(seconds, 1),
        "contact_sheet": str(sheet),
    }
    say_json(document)


def _credits(figure: float | None) -> str:
    if figure is None:
        return "credits not known"
    return f"{figure:g} credit{'' if figure == 1 else 's'}"


@contextmanager
def _no_real_keys() -> Iterator[None]:
    """Hide the user's own keys: a demo must never cost money."""
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - the demo and `local` need it
    from infra.local.sandboxes import key_variables  # noqa: PLC0415 - the same

    names = [name for provider in PROVIDERS for name in key_variables(provider, os.environ)]
    hidden = {name: os.environ.pop(name) for name in names}
    if hidden:
        note(f"leaving {', '.join(hidden)} alone: the demo runs in the sandboxes")
    try:
        yield
    finally:
        os.environ.update(hidden)
