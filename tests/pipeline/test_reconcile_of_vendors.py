"""Differences are planted in the vendors' ledgers and in our books; `reconcile` finds each of them.

The pipeline is that of the other tests, its providers the real driver over three sandboxes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from darkroom.domain.errors import Failure
from darkroom.domain.reconciliation import Difference
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.money.reconcile import Reconciled, reconcile
from darkroom.pipeline.settle_charges import settle_charges
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.clock import Clock
from infra.sandbox.faults import Rule
from infra.sandbox.http_server import RunningSandbox, start
from infra.sandbox.ledger import Purchase
from tests.fakes.clock import FixedClock
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.run_adapter import BY_NAME
from tests.pipeline.harness import PipelineHarness
from tests.sandbox.images import as_png, disc

WORK: Final[Mapping[str, str]] = {
    "apiframe": "upscale",
    "goapi": "remove-background",
    "perfect": "remove-background",
}
"""Provider -> an operation."""
LABELS: Final = {name: name.title() for name in (*WORK, "snapapi")}
FAILED: Final = {"job": "fail"}
ELSEWHERE: Final = "0f0e0d0c-0b0a-4908-8706-050403020100"
"""A job that no vendor knows."""
PERFECT_ROUTE: Final = "POST /s2s/v1.0/task/sod"


@dataclass
class Shop:
    """The pipeline, and the vendors."""

    harness: PipelineHarness
    running: Mapping[str, RunningSandbox]

    def order(self, provider: str, name: str, fault: Mapping[str, Any] | None = None) -> Task:
        """A task that has run to its end, perhaps with a fault at the vendor."""
        if fault is not None:
            match = {
                "method": "POST",
                "path": "/v2/images/*" if provider == "apiframe" else "*/task",
            }
            rule = Rule.model_validate({"match": match, "do": fault})
            self.running[provider].state.faults.add([rule])
        photo = f"photos/{provider}-{name}.png"
        self.harness.upload(photo, as_png(disc(32, 32)))
        self.harness.upload_spec(WORK[provider], f"{photo}.json", provider=provider)
        self.harness.run()
        return next(t for t in self.harness.tasks.all if t.trigger.key == f"{photo}.json")

    def change(self, task: Task, **attempt: Any) -> None:
        """Write something else about the task's attempt into our books."""
        changed = task.with_attempt(replace(task.last_attempt, **attempt))
        self.harness.tasks.replace(task, replace(task, attempts=changed))

    def forget_outcome(self, task: Task, **attempt: Any) -> None:
        """Our books no longer say what became of the task's call."""
        why = Failure("unknown-outcome", "It is not known.")
        last = replace(task.last_attempt, outcome="unknown", charged="unknown", **attempt)
        self.harness.tasks.replace(
            task,
            replace(
                task,
                state="unknown",
                ending=Ending("unknown", why),
                results=(),
                attempts=task.with_attempt(last),
            ),
        )

    def stored(self, task: Task) -> Task:
        """The task as it is now."""
        found = self.harness.tasks.get(task.task_id)
        assert found is not None
        return found

    def compare(self) -> list[Reconciled]:
        """Reconcile the last 30 days."""
        since = self.harness.clock.now() - timedelta(days=30)
        return list(reconcile(self.harness.ports, since, LABELS))

    def charges(self) -> int:
        """How often the vendors have charged."""
        entries = [e for one in self.running.values() for e in one.state.ledger.entries()]
        return sum(entry.kind == "charge" for entry in entries)


@contextmanager
def _shop() -> Iterator[Shop]:
    """The pipeline and three vendors on one clock, which begins now: one of them checks it."""
    clock, inputs, transport = FixedClock(datetime.now(UTC)), InMemoryInputs(), DeadlineTransport()
    with start(list(WORK), clock=Clock(lambda: clock.now().timestamp()), job_s=2.0) as running:
        secrets = {
            name: {**one.credentials, "base_url": one.base_url} for name, one in running.items()
        }
        driver: Any = Driver(
            BY_NAME,
            lambda name: secrets.get(name, {}),
            inputs,
            "local",
            transport=transport,
            preferences=Preferences(loopback=True),
        )
        yield Shop(PipelineHarness(clock=clock, inputs=inputs, providers=driver), running)
    transport.close()


def _differences(found: list[Reconciled]) -> list[Difference]:
    return [d for each in found if each.comparison for d in each.comparison.differences]


def _found(found: list[Reconciled]) -> set[tuple[str, str, str]]:
    """Provider, kind, and whose it is: our task, or else the vendor's job."""
    return {
        (each.provider, each.kind, each.ours.task_id if each.ours else each.job_id)
        for each in _differences(found)
    }


def test_twelve_planted_differences_are_found_and_the_unknown_ones_settled() -> None:
    """Exactly these; nothing is paid again, and what cannot be settled stays as it is."""
    with _shop() as shop:
        agreed = [shop.order(provider, "agreed") for provider in WORK]
        amount = shop.order("apiframe", "amount")
        kept = shop.order("apiframe", "kept", FAILED | {"refund": False})
        back = shop.order("apiframe", "back", FAILED)
        absent = shop.order("apiframe", "absent")
        doubtful = shop.order("apiframe", "doubtful")
        refunded = shop.order("goapi", "refunded", FAILED)
        lost = shop.order("goapi", "lost")
        failed = shop.order("goapi", "failed", FAILED)
        returned = shop.order("perfect", "returned")
        shop.harness.clock.advance(3600)
        lost_job, absent_job = lost.last_attempt.job_id, absent.last_attempt.job_id
        assert {task.state for task in agreed} == {"succeeded"}
        assert refunded.last_attempt.charged == "unknown"  # so it would stay for ever

        shop.change(amount, credits=4.0)
        shop.change(back, charged="yes", credits=5.0)
        shop.change(absent, job_id=ELSEWHERE)
        shop.forget_outcome(doubtful)
        shop.forget_outcome(failed)
        shop.forget_outcome(lost, job_id=None)
        ledger = shop.running["perfect"].state.ledger
        job = returned.last_attempt.job_id or ""
        ledger.refund(Purchase(job, PERFECT_ROUTE, 1, "digest"))
        ledger.charge(
            Purchase("their-task", PERFECT_ROUTE, 1, "digest"),
            at=(shop.harness.clock.now() - timedelta(minutes=30)).timestamp(),
        )
        charges = shop.charges()

        stays = {
            ("apiframe", "another-amount", amount.task_id),
            ("apiframe", "failed-and-charged", kept.task_id),
            ("apiframe", "refunded", back.task_id),
            ("apiframe", "ours-only", absent.task_id),
            ("apiframe", "theirs-only", absent_job),
            ("perfect", "refunded", returned.task_id),
            ("perfect", "theirs-only", "their-task"),
        }
        goes = {
            ("apiframe", "unknown", doubtful.task_id),
            ("goapi", "unknown", refunded.task_id),
            ("goapi", "unknown", failed.task_id),
            ("goapi", "ours-only", lost.task_id),
            ("goapi", "theirs-only", lost_job),
        }
        found = shop.compare()
        assert len(_differences(found)) == 12
        assert _found(found) == stays | goes
        snapapi = next(each for each in found if each.provider == "snapapi")
        assert snapapi.failure is not None
        assert snapapi.failure.code == "no-history"
        assert {e.comparison.agreed for e in found if e.comparison} == {1}

        settled = [
            one
            for each in found
            if each.comparison
            for one in settle_charges(shop.harness.ports, each.comparison)
        ]
        assert len(settled) == 4
        assert [one.failure for one in settled] == [None] * 4
        shop.harness.run()

        assert shop.stored(doubtful).state == "succeeded"
        assert shop.stored(lost).state == "succeeded"
        assert shop.stored(lost).last_attempt.job_id == lost_job
        for task in (refunded, failed):
            assert shop.stored(task).state == "failed"
            cost = shop.harness.manifest(shop.stored(task))["cost"]
            assert (cost["credits"], cost["settled"]) == (0, True)
        assert _found(shop.compare()) == stays
        assert shop.charges() == charges
