"""A proof: a few photos start at once, and the others are held until a person has seen those.

Files say themselves that their tasks are to be held, or are known to be many: by metadata of the
object (`darkroom.aws.s3.WISH`), which INTAKE reads before anything is paid.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import shell_quote

if TYPE_CHECKING:
    from infra.cli.files.upload_all import Present
    from infra.cli.files.upload_plan import UploadPlan
    from infra.cli.money.estimate import NewTask
    from infra.cli.money.photo_set import PhotoSet

HOLD: Final = "hold"
APPROVED: Final = "approved"
MAX_NAMED: Final = 12
"""So many photos of a proof are named."""


@dataclass(frozen=True)
class Proof:
    """What starts, and what is held.

    Attributes:
        photos: those that start.
        held: the other photos that have new tasks.
    """

    photos: Sequence[str]
    held: frozenset[str]

    def starting(self, plan: "UploadPlan", new: "Iterable[NewTask]") -> "list[NewTask]":
        """The tasks that start."""
        return [task for task in new if plan.photo_of(task.key) not in self.held]


def choose_proof(
    plan: "UploadPlan", photos: "PhotoSet", new: "Sequence[NewTask]", number: int
) -> Proof:
    """So many photos with new tasks, as unlike each other as possible.

    Raises:
        click.UsageError: a task has no file that could say that it is to be held.
    """
    about = [(task.key, plan.photo_of(task.key)) for task in new]
    without = [key for key, photo in about if photo is None]
    if without:
        raise click.UsageError(
            f"--proof holds photos that are uploaded, and {without[0]} names none on this disk"
        )
    candidates = {photo for _, photo in about if photo is not None}
    chosen = photos.choose(number, candidates)
    return Proof(chosen, frozenset(candidates - set(chosen)))


def stamp(
    plan: "UploadPlan",
    present: "Present",
    new: "Sequence[NewTask]",
    held: Collection[str],
    *,
    approved: bool,
    guard_tasks: int,
) -> "Present":
    """Put the wishes on the plan's files; what is there, with the files to be uploaded for them.

    A file in the bucket that has another wish is uploaded again if a new task is about it: else one
    that is to be held would start, or the other way round.

    Args:
        plan: its `wishes` are filled.
        present: what is in the bucket.
        new: the tasks that the upload will make.
        held: the photos whose tasks are to be held.
        approved: whether a person knows how many tasks there are.
        guard_tasks: from so many on tasks are held that nobody has approved.

    Raises:
        click.UsageError: a photo is to be held that has a task already, and a new version of it
            would be paid again.
    """
    plan.wishes = dict.fromkeys(plan.files, APPROVED) if approved else {}
    plan.wishes |= dict.fromkeys(held, HOLD)
    needs_approval = approved and len(new) > guard_tasks
    again: dict[str, None] = {}
    for photo in dict.fromkeys(plan.photo_of(task.key) for task in new):
        if photo is None or not present.versions.get(photo):
            continue
        has, wants = present.wishes.get(photo, ""), plan.wishes.get(photo, "")
        if has == wants or not (HOLD in (has, wants) or needs_approval):
            continue
        if not present.labels.get(photo):
            again[photo] = None
        elif wants == HOLD:
            raise click.UsageError(
                f"{photo} has a task already and cannot be held: upload it without --proof, or all "
                "photos anew with --again"
            )
    return present.without(again)


def how_to_go_on(proof: Proof, tasks: Mapping[str, int], prefix: str, environment: str) -> str:
    """What is held, and the commands that go on.

    Args:
        proof: what starts, and what is held.
        tasks: `start` and `hold` -> how many tasks.
        prefix: the folder in the bucket.
        environment: of the upload.
    """
    names = ", ".join(shell_quote(photo) for photo in proof.photos[:MAX_NAMED])
    names += ", ..." if len(proof.photos) > MAX_NAMED else ""
    return (
        f"proof: {tasks['start']:,} tasks start, of {names}; {tasks['hold']:,} are held, unpaid. "
        f"{how_to_approve(prefix, environment)} lets these go on; the same command with other "
        "parameters and --again makes another proof, and pays for no more than it"
    )


def how_to_approve(prefix: str, environment: str) -> str:
    """The command that lets held tasks below a folder go on."""
    env = "" if environment == "local" else f" --env {environment}"
    return f"`darkroom approve {shell_quote(prefix or '/')}{env}`"
