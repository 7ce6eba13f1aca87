"""Verifies one sample: its files, what it cost, and whether the results are right."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from infra.cli.demo.contact_sheet import Pair
from infra.cli.demo.image_checks import open_image
from infra.cli.demo.previews import draw_preview

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.demo.samples import Sample


@dataclass(frozen=True)
class SampleResult:
    """The outcome of one sample.

    Attributes:
        name: photo and operation, for users.
        problem: what is wrong; None if the results are right.
        credits: the cost from its manifest; None if not known.
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
        """The outcome as `--json` prints it."""
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


def verify(
    sample: "Sample", task: "Task | None", saved: Mapping[str, Path], photos: Path
) -> SampleResult:
    """Check a task's results.

    Args:
        sample: the sample.
        task: the task as last read; None if it never existed.
        saved: key -> downloaded file.
        photos: the folder of the sample photos.
    """
    name = f"{sample.photo or 'no photo'} {sample.operation}"
    if task is None:
        return SampleResult(
            name, sample.key, sample.operation, "uploaded", problem="it never started"
        )
    if not task.finished:
        late = f"it timed out (state: {task.state})"
        return SampleResult(name, sample.key, sample.operation, task.state, problem=late)
    path = saved.get(task.manifest_key)
    manifest: dict[str, Any] = json.loads(path.read_bytes()) if path else {}
    results = tuple(saved[result.key] for result in task.results if result.key in saved)
    problem, pair = _check(sample, task, manifest, results, photos)
    return SampleResult(
        name=name,
        key=sample.key,
        operation=sample.operation,
        state=task.state,
        provider=manifest.get("provider"),
        problem=problem,
        credits=manifest.get("cost", {}).get("credits"),
        seconds=manifest.get("timings", {}).get("total_s"),
        results=results,
        manifest=path,
        pair=pair,
    )


def _check(
    sample: "Sample",
    task: "Task",
    manifest: Mapping[str, Any],
    results: tuple[Path, ...],
    photos: Path,
) -> tuple[str | None, Pair | None]:
    """The problem, if there is one, and the pair for the contact sheet."""
    if task.state != "succeeded":
        failure = manifest.get("failure", {})
        reason = "no reason given"
        if failure:
            reason = f"{failure.get('code')}: {failure.get('sentence')}"
        return f"it {_ENDS.get(task.state, task.state)} ({reason})", None
    if not manifest:
        return "there is no manifest", None
    if not results:
        return "there is no result", None
    if len(results) < len(task.results):
        return f"only {len(results)} of {len(task.results)} results were downloaded", None
    source = open_image(photos / sample.photo) if sample.photo else None
    mask = open_image(photos / sample.mask) if sample.mask else None
    problem, image = _check_files(sample, task, results, source, mask)
    label = f"{sample.photo or 'no photo'}: {sample.operation} by {manifest.get('provider')}"
    return problem, Pair(label, source, image)


def _check_files(
    sample: "Sample",
    task: "Task",
    results: tuple[Path, ...],
    source: Image.Image | None,
    mask: Image.Image | None,
) -> tuple[str | None, Image.Image | None]:
    """The problem of the first result that is wrong, if one is; and an image to show."""
    first: Image.Image | None = None
    try:
        for path, result in zip(results, task.results, strict=True):
            is_image = result.kind == "image"
            image = open_image(path) if is_image else draw_preview(path, result.kind)
            problem = sample.check(source or image, image, mask) if is_image else None
            if problem is not None:
                return problem, image
            first = first or image
    except ValueError as error:
        return str(error), None
    kinds = {result.kind for result in task.results}
    return (None if sample.kind in kinds else f"there is no {sample.kind} among the results"), first


_ENDS = {"failed": "failed", "cancelled": "was cancelled", "unknown": "ended as unknown"}
