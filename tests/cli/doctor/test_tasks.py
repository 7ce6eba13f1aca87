"""The tasks: what a person has to decide, what is overdue, which runs failed."""

from datetime import timedelta
from typing import Any

from darkroom.domain.errors import Failure
from darkroom.domain.holds import Hold, HoldKind
from darkroom.domain.task import Ending
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.tasks import check_attention, check_held, check_overdue, check_runs
from tests.cli.doctor.scripted_aws import examined, find, levels
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task
from tests.pipeline.harness import PipelineHarness

NO_CREDITS = Ending("failed", Failure("no-credits", "No credits."))


def subject(*tasks: Any, after: timedelta = timedelta(0)) -> Examined:
    """An environment with these tasks, so long after the beginning."""
    harness = PipelineHarness()
    for task in tasks:
        harness.tasks.create(task, previous=None, owner=None)
    return examined(open_ports=lambda: harness.ports, now=START + after)


def test_without_tasks_all_is_well() -> None:
    """Each check has one line."""
    nothing = subject()
    for check in (check_attention, check_held, check_overdue):
        assert levels(find(check, nothing)) == ["ok"]


def test_unknown_tasks_need_a_person() -> None:
    """Failed ones of the last day are counted by their reason; older ones are history."""
    old = sample_task(3, "failed", ending=NO_CREDITS, updated_at=START - timedelta(days=3))
    found = find(
        check_attention,
        subject(
            sample_task(1, "unknown", ending=Ending("unknown", Failure("unclear", "Unclear."))),
            sample_task(2, "failed", ending=NO_CREDITS),
            old,
        ),
    )
    assert levels(found) == ["warning", "ok"]
    assert found[0].sentence.startswith("1 is unknown")
    assert found[0].fix == "darkroom status / --state unknown --env shop"
    assert found[1].sentence.startswith("1 is failed in the last day (1 no-credits)")


def test_held_tasks_wait_for_a_person_or_for_a_budget() -> None:
    """Only the first need something."""

    def held(number: int, kind: HoldKind) -> Any:
        return sample_task(number, "held", hold=Hold(kind, "photos/"))

    found = find(check_held, subject(held(1, "guard"), held(2, "approval"), held(3, "budget")))
    assert levels(found) == ["warning", "ok"]
    assert found[0].sentence.startswith("2 are held until `darkroom approve`")
    assert found[1].sentence == "1 is held until a budget has room"


def test_task_that_sweep_does_not_reach_is_overdue() -> None:
    """Ten minutes after it was due it should have been checked."""
    stuck = sample_task(1, "running")
    due = stuck.due - START
    assert levels(find(check_overdue, subject(stuck, after=due + timedelta(minutes=9)))) == ["ok"]
    [found] = find(check_overdue, subject(stuck, after=due + timedelta(minutes=10)))
    assert found.level == "problem"
    assert found.fix == f"darkroom logs {stuck.task_id} --env shop"


def test_runs_that_failed_lately_are_counted() -> None:
    """With the newest one's task; older ones, which Step Functions keeps, are not."""
    task_id = "0001" * 8

    def answer(**arguments: Any) -> Any:
        if arguments["statusFilter"] != "TIMED_OUT":
            return {"executions": []}
        ages = {f"{task_id}-2": 1, f"{'0002' * 8}-1": 2, "older-1": 25}
        return {
            "executions": [
                {"name": name, "stopDate": START - timedelta(hours=hours)}
                for name, hours in ages.items()
            ]
        }

    [found] = find(check_runs, examined({"stepfunctions.list_executions": answer}))
    assert (found.level, found.sentence) == ("warning", "2 runs failed in the last day")
    assert found.fix == f"darkroom logs {task_id} --env shop"
    none = examined({"stepfunctions.list_executions": {"executions": []}})
    assert levels(find(check_runs, none)) == ["ok"]
