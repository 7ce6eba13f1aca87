"""`darkroom demo`: run the main job on sample photos in the sandboxes, and check the results."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import DEFAULT_NAME
from infra.cli.checkout import PHOTOS, need_checkout
from infra.cli.lifecycle import local_environment, until_stopped, wait_for_stop
from infra.cli.printing import note, say, say_json

if TYPE_CHECKING:
    from infra.cli.demo.samples import Sample
    from infra.cli.demo.verify import SampleResult
    from infra.cli.files.upload import UploadedSpec
    from infra.cli.target import Target

TIMEOUT_S: Final = 60.0
SETTLE_S: Final = 1
"""What the folder default of the sample photos says."""
SHEET: Final = "contact-sheet.png"


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="The folder for results; only files of an earlier demo are removed from it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
def command(out: Path, *, as_json: bool, keep: bool) -> None:
    """Run the main job on sample photos and check the results.

    It begins with a folder of photos and one _darkroom.json; other photos have specs of their own.
    Nothing leaves this machine and nothing is paid: the providers are sandboxes.
    """
    from infra.cli.demo.samples import SAMPLES, missing_files  # noqa: PLC0415 - brings numpy along

    need_checkout()
    missing = missing_files(SAMPLES)
    if missing:
        raise click.ClickException(f"files are missing from the checkout: {', '.join(missing)}")
    results: list[SampleResult] | None = None
    with until_stopped(), _no_real_keys():
        start = time.monotonic()
        with local_environment(say=note) as local:
            results = run(local, SAMPLES, out)
            seconds = time.monotonic() - start
            print_results = _print_json if as_json else _print
            print_results(results, out / SHEET, seconds)
            if keep:
                note(f"still running at {local.endpoint_url}; Ctrl-C stops it")
                wait_for_stop()
    if results is None or any(result.problem for result in results):
        raise click.exceptions.Exit(1)


def run(local: "Target", samples: Sequence["Sample"], out: Path) -> list["SampleResult"]:
    """Run the samples in a running environment; save and verify their results."""
    from infra.cli.batch.put_batch import follow_and_save  # noqa: PLC0415 - brings rich along
    from infra.cli.demo.contact_sheet import draw_contact_sheet  # noqa: PLC0415 - brings Pillow along
    from infra.cli.demo.output_folder import OutputFolder  # noqa: PLC0415 - only the demo needs it
    from infra.cli.demo.verify import verify  # noqa: PLC0415 - brings Pillow along
    from infra.cli.files.download import download_results  # noqa: PLC0415 - only the demo needs it

    folder = OutputFolder(out)
    folder.clear()
    specs = _upload(local, samples)
    tasks = follow_and_save(local, specs, "/", SETTLE_S, None, TIMEOUT_S).tasks
    saved = dict(download_results(local, tasks.values(), folder.add))
    results = [
        verify(sample, tasks.get(spec.task_id), saved, PHOTOS)
        for sample, spec in zip(samples, specs, strict=True)
    ]
    pairs = [result.pair for result in results if result.pair]
    draw_contact_sheet(pairs).save(folder.add(SHEET))
    return results


def _upload(local: "Target", samples: Sequence["Sample"]) -> list["UploadedSpec"]:
    """Upload the folder of photos with its default, then the photos with specs; in this order."""
    from infra.cli.demo.samples import FOLDER, SHOP, files_of  # noqa: PLC0415 - brings numpy along
    from infra.cli.files.upload import upload, upload_spec  # noqa: PLC0415 - only the demo needs it

    shop = [sample for sample in samples if sample.in_shop]
    with_specs = [sample for sample in samples if not sample.in_shop]
    if shop:
        note(f"{SHOP}: uploading one {DEFAULT_NAME} and {len(shop)} photos without specs")
        upload(local, SHOP + DEFAULT_NAME, shop[0].read())
    tasks = [_upload_photo(local, sample) for sample in shop]
    files = files_of(with_specs)
    note(f"{FOLDER}: uploading {len(files)} files and {len(with_specs)} specs")
    for name in files:
        upload(local, FOLDER + name, PHOTOS / name)
    return tasks + [upload_spec(local, sample.key, sample.read()) for sample in with_specs]


def _upload_photo(local: "Target", sample: "Sample") -> "UploadedSpec":
    """Upload a photo without a spec; the task that its folder default makes of it."""
    from darkroom.domain.order import Trigger  # noqa: PLC0415 - only the demo needs it
    from infra.cli.files.upload import UploadedSpec, upload  # noqa: PLC0415 - the same

    version = upload(local, sample.key, PHOTOS / str(sample.photo))
    trigger = Trigger.of_photo(local.input_bucket, sample.key, version, None)
    return UploadedSpec(trigger.key, trigger.task_id, trigger)


def _print(results: Sequence["SampleResult"], sheet: Path, seconds: float) -> None:
    for result in results:
        for number, path in enumerate(result.results):
            say(f"{path}  {_credits(result.credits) if number == 0 else '(same task)'}")
    failed = [result for result in results if result.problem]
    for result in failed:
        note(f"failed: {result.name}: {result.problem}")
    total = sum(result.credits or 0 for result in results)
    say(
        f"{len(results) - len(failed)} of {len(results)} passed, {total:g} sandbox credits, "
        f"{seconds:.0f} s"
    )
    say(f"{sheet}  each source beside its result")


def _print_json(results: Sequence["SampleResult"], sheet: Path, seconds: float) -> None:
    document = {
        "ok": not any(result.problem for result in results),
        "tasks": [result.as_dict() for result in results],
        "credits": sum(result.credits or 0 for result in results),
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
    """Hide the user's own keys while the block runs: a demo must never cost money."""
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - only `demo` and `local` need it
    from infra.local.sandboxes import key_variables  # noqa: PLC0415 - the same

    names = [name for provider in PROVIDERS for name in key_variables(provider, os.environ)]
    hidden = {name: os.environ.pop(name) for name in names}
    if hidden:
        note(f"ignoring {', '.join(hidden)}: the demo uses the sandboxes only")
    try:
        yield
    finally:
        os.environ.update(hidden)
