"""The same work again, with `reuse`, is answered with a copy of the earlier results, unpaid."""

from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.task import Task
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PipelineHarness

OTHER = PNG + b"another"


def _ask(
    harness: PipelineHarness,
    name: str,
    operation: str = SYNC_NONE,
    body: bytes = PNG,
    **fields: Any,
) -> Task:
    """Upload a photo and its spec; the task, ended."""
    harness.upload(f"photos/{name}.jpg", body)
    harness.upload_spec(operation, f"photos/{name}.jpg.json", **{"reuse": True, **fields})
    harness.run()
    return harness.tasks.all[-1]


def test_same_photo_under_another_name_is_not_paid_for_again(harness: PipelineHarness) -> None:
    """The manifest says from which task the results are."""
    first = _ask(harness, "a")
    second = _ask(harness, "b")

    assert len(harness.providers.charged) == 1
    assert (second.state, second.attempts) == ("succeeded", ())
    assert [result.key for result in second.results] == ["photos/b.jpg/remove-background.png"]
    bodies = [harness.outputs.get(task.results[0].key) for task in (first, second)]
    assert bodies[0] == bodies[1]
    manifest = harness.manifest(second)
    assert manifest["reused_from"] == first.task_id
    assert manifest["cost"]["credits"] == 0
    assert harness.event_kinds(second.task_id) == {"Task Succeeded"}


def test_several_results_are_all_copied(harness: PipelineHarness) -> None:
    """Under the numbers that they had."""
    urls = [f"https://beta.example/{n}" for n in range(2)]
    harness.providers.results |= {url: PNG + str(n).encode() for n, url in enumerate(urls)}
    harness.providers.script("poll", Finished(tuple(ResultRef("image", url) for url in urls)))
    first, second = (_ask(harness, name, JOB_KEY) for name in ("a", "b"))
    assert [result.sha256 for result in first.results] == [
        result.sha256 for result in second.results
    ]
    assert [result.key for result in second.results] == [
        "photos/b.jpg/upscale-1.png",
        "photos/b.jpg/upscale-2.png",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"body": OTHER},
        {"operation": JOB_KEY},
        {"provider": "beta"},
        {"reuse": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_work_is_paid_for(harness: PipelineHarness, change: dict[str, Any]) -> None:
    """Other bytes, another operation or provider; or a spec that does not say it."""
    _ask(harness, "a")
    assert _ask(harness, "b", **change).reused_from is None
    assert len(harness.providers.charged) == 2


def test_result_of_a_task_without_reuse_is_not_copied(harness: PipelineHarness) -> None:
    """Nobody has noted it; the next one is."""
    _ask(harness, "a", reuse=False)
    assert _ask(harness, "b").reused_from is None
    assert _ask(harness, "c").reused_from is not None


@pytest.mark.parametrize("there", [None, b"another picture"])
def test_result_that_was_deleted_or_changed_is_paid_for_again(
    harness: PipelineHarness, there: bytes | None
) -> None:
    """A copy is what the earlier manifest says, or there is none."""
    gone = _ask(harness, "a").results[0].key
    if there is None:
        real = harness.outputs.get
        harness.outputs.get = lambda key: None if key == gone else real(key)  # type: ignore[method-assign]
    else:
        harness.outputs.put(gone, there, "image/png")
    assert _ask(harness, "b").reused_from is None
    assert len(harness.providers.charged) == 2


def test_copy_takes_no_turn_at_the_provider(harness: PipelineHarness) -> None:
    """It need not wait behind those that are paid for."""
    harness.providers.rules_of["alpha"] = Rules(Rate(1, 3600))
    _ask(harness, "a")
    harness.upload("photos/b.jpg")
    harness.upload_spec(SYNC_NONE, "photos/b.jpg.json", reuse=True)
    assert harness.tasks.all[-1].place is None
    before = harness.clock.now()
    harness.run()
    assert harness.tasks.all[-1].reused_from is not None
    assert (harness.clock.now() - before).total_seconds() < 60


def test_copies_in_line_pass_their_turns_on(harness: PipelineHarness) -> None:
    """Those that came before the first had ended wait in line, and none needs its turn."""
    harness.providers.rules_of["alpha"] = Rules(Rate(60, 60))
    names = [f"{n:02}" for n in range(40)]
    for name in names:
        harness.upload(f"photos/{name}.jpg")
        harness.upload_spec(SYNC_NONE, f"photos/{name}.jpg.json", reuse=True)
    before = harness.clock.now()
    harness.run()
    copies = [task for task in harness.tasks.all if task.reused_from]
    assert len(copies) > len(names) / 2
    assert not {task.task_id for task in copies} & harness.lines.turns("alpha").given.keys()
    assert (harness.clock.now() - before).total_seconds() < 60


def test_copy_that_was_begun_is_finished_by_the_next_run(harness: PipelineHarness) -> None:
    """The files are written again, and the task ends once."""
    _ask(harness, "a")
    harness.upload("photos/b.jpg")
    harness.upload_spec(SYNC_NONE, "photos/b.jpg.json", reuse=True)
    task = harness.tasks.all[-1]
    real = harness.ports
    tasks = _Dying(harness)
    harness.ports = replace(real, tasks=tasks)
    with pytest.raises(TimeoutError):
        harness.step("submit", task.task_id)
    harness.ports = real
    harness.run()
    assert harness.tasks.all[-1].reused_from is not None
    assert len(harness.providers.charged) == 1


class _Dying:
    """A table that takes no ending."""

    def __init__(self, harness: PipelineHarness) -> None:
        self._tasks = harness.tasks

    def replace(self, old: Task, new: Task) -> Task:
        """Refuse the end, and then everything."""
        del old, new
        raise TimeoutError("not now")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)
