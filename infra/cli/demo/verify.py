"""What came of one sample: its files, what it cost, and whether the result is as it should be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from infra.cli.demo.contact_sheet import Pair
from infra.cli.demo.image_checks import open_image
from infra.cli.demo.previews import look_at

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.demo.samples import Sample


@dataclass(frozen=True)
class SampleResult:
    """One sample's end.

    Attributes:
        name: what it was, for people.
        problem: what is wrong, or None when the result is as the operation says.
        credits: what its manifest says it cost; None when that is not known.
    """

    name: str
    key: str
    operation: str
    state: str
    provider: str | None = None
    problem: str | None = None
    credits: float | None = None
    seconds: float | None = None
    results: tuple[Path, ...] = ()
    manifest: Path | None = None
    pair: Pair | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The verdict as `--json` prints it."""
        return {
            "spec": self.key,
            "operation": self.operation,
            "provider": self.provider,
            "state": self.state,
            "ok": self.problem is None,
            "problem": self.problem,
            "credits": self.credits,
            "seconds": self.seconds,
            "results": [str(path) for path in self.results],
            "manifest": str(self.manifest) if self.manifest else None,
        }


def judge(
    sample: "Sample", task: "Task | None", saved: Mapping[str, Path], photos: Path
) -> SampleResult:
    """Check a task's results.

    Args:
        sample: what was asked for.
        task: as it was last seen; None when it never was.
        saved: key -> file, of everything that was downloaded.
        photos: the folder of the sample photos.
    """
    name = f"{sample.photo or 'no photo'} {sample.operation}"
    if task is None:
        return SampleResult(
            name, sample.key, sample.operation, "uploaded", problem="it never began"
        )
    if not task.finished:
        problem = f"it did not end in time (it is {task.state})"
        return SampleResult(name, sample.key, sample.operation, task.state, problem=problem)
    path = saved.get(task.manifest_key)
    manifest: dict[str, Any] = json.loads(path.read_bytes()) if path else {}
    results = tuple(saved[result.key] for result in task.results if result.key in saved)
    wrong, pair = _look(sample, task, manifest, results, photos)
    return SampleResult(
        name=name,
        key=sample.key,
        operation=sample.operation,
        state=task.state,
        provider=manifest.get("provider"),
        problem=wrong,
        credits=manifest.get("cost", {}).get("credits"),
        seconds=manifest.get("timings", {}).get("total_s"),
        results=results,
        manifest=path,
        pair=pair,
    )


def _look(
    sample: "Sample",
    task: "Task",
    manifest: Mapping[str, Any],
    results: tuple[Path, ...],
    photos: Path,
) -> tuple[str | None, Pair | None]:
    """What is wrong with the results, if anything, and what the contact sheet shows."""
    if task.state != "succeeded":
        failure = manifest.get("failure", {})
        told = f"{failure.get('code')}: {failure.get('sentence')}" if failure else "no reason given"
        return f"it {_ENDS.get(task.state, task.state)} ({told})", None
    if not manifest:
        return "there is no manifest", None
    if not results:
        return "there is no result", None
    if len(results) < len(task.results):
        return f"only {len(results)} of {len(task.results)} results could be fetched", None
    source = open_image(photos / sample.photo) if sample.photo else None
    mask = open_image(photos / sample.mask) if sample.mask else None
    wrong, shown = _compare(sample, task, results, source, mask)
    label = f"{sample.photo or 'from words'}: {sample.operation} by {manifest.get('provider')}"
    return wrong, Pair(label, source, shown)


def _compare(
    sample: "Sample",
    task: "Task",
    results: tuple[Path, ...],
    source: Image.Image | None,
    mask: Image.Image | None,
) -> tuple[str | None, Image.Image | None]:
    """What is wrong with the first result that is not as it should be; and one to show."""
    first: Image.Image | None = None
    try:
        for path, result in zip(results, task.results, strict=True):
            pictured = result.kind == "image"
            shown = open_image(path) if pictured else look_at(path, result.kind)
            problem = sample.check(source or shown, shown, mask) if pictured else None
            if problem is not None:
                return problem, shown
            first = first or shown
    except ValueError as error:
        return str(error), None
    kinds = {result.kind for result in task.results}
    return (None if sample.kind in kinds else f"it has no {sample.kind}"), first


_ENDS = {"failed": "failed", "cancelled": "was cancelled", "unknown": "ended unclear"}
