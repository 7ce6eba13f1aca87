"""What `put --apply` and `--existing` will cost: the tasks of photos that are in the bucket."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from darkroom.domain.folder_match import why_left_alone
from darkroom.domain.merged_spec import labels_of
from darkroom.domain.object_keys import SpecName, folder_of, spec_key
from darkroom.domain.spec import parse_spec
from darkroom.pipeline.apply_to_existing import Backfill, list_photos
from darkroom.pipeline.orders.folder_defaults import find_chain, spec_of_photo
from infra.cli.money.estimate import Estimate, Estimator, NewTask, SetUp
from infra.cli.offline_specs import AskedTask

if TYPE_CHECKING:
    from darkroom.domain.folder_default import Chain
    from darkroom.ports import Inputs
    from infra.cli.target import Target


def estimate_existing(target: "Target", work: Backfill, limit: int | None) -> Estimate:
    """What a run will cost, from where the last one stopped, and for `limit` photos at most.

    With folder defaults it is the most: photos that have such a task already, or a spec of their
    own, count too. Raises SpecRefused for a spec, and DefaultRefused for a folder default.
    """
    ports = target.ports
    tasks_of = _tasks_by_default(ports.inputs) if work.spec is None else _tasks_by_spec(work)
    new: list[NewTask] = []
    photos = done = 0
    for photo, has_task in list_photos(ports, work):
        if has_task:
            done += 1
            continue
        new += [NewTask(photo, asked) for asked in tasks_of(photo)]
        photos += 1
        if photos == limit:
            break
    estimator = Estimator(ports, SetUp(ports.providers, target.may_read_secret))
    return estimator.estimate(len(new) + done, new)


def _tasks_by_spec(work: Backfill) -> Callable[[str], Sequence[AskedTask]]:
    spec = parse_spec(dict(work.spec or {}), "the spec")

    def tasks_of(photo: str) -> Sequence[AskedTask]:
        return [AskedTask(spec, SpecName(spec_key(photo, work.label), photo, work.label))]

    return tasks_of


def _tasks_by_default(inputs: "Inputs") -> Callable[[str], Sequence[AskedTask]]:
    @cache
    def chain_of(folder: str) -> "Chain":
        return find_chain(inputs, f"{folder}photo.jpg")

    def tasks_of(photo: str) -> Sequence[AskedTask]:
        chain = chain_of(folder_of(photo))
        if why_left_alone(chain, photo):
            return []
        return [
            AskedTask(
                spec_of_photo(chain, label).spec, SpecName(spec_key(photo, label), photo, label)
            )
            for label in labels_of(chain)
        ]

    return tasks_of
