"""An operator at rest: `darkroom reconcile --apply`, and what must be settled after it."""

from collections.abc import Iterator

from darkroom.pipeline.money.reconcile import reconcile
from darkroom.pipeline.settle_charges import settle_charges
from tests.fakes.clock import START
from tests.simulation.fault_injection import Invocation
from tests.simulation.providers import WITH_HISTORY
from tests.simulation.system import COMMAND_LIMIT_S, SimulatedSystem


def reconcile_books(system: SimulatedSystem) -> bool:
    """Let the providers' histories settle what is unclear, in some simulations; whether here.

    Nothing may be paid by it; as for everything else, the monitors of payments see to that.
    """
    if not system.fault_policy.chance("reconciled-at-rest"):
        return False
    begun: list[Invocation | None] = []
    compared = set[str]()

    def act() -> None:
        begun.append(system.injector.current)
        for one in reconcile(system.ports, START, dict.fromkeys(WITH_HISTORY, "")):
            if one.comparison is None:
                continue
            compared.add(one.provider)
            for _settled in settle_charges(system.ports, one.comparison):
                pass

    system.injector.invoke("reconcile", None, COMMAND_LIMIT_S, act)
    if begun[0] is not None and not begun[0].harmed:
        for sentence in _unsettled(system, compared):
            system.step_monitor.report(sentence)
    system.run_until_idle()
    return True


def _unsettled(system: SimulatedSystem, compared: set[str]) -> Iterator[str]:
    """Ended calls whose job the history has, and whose charge is still unknown."""
    for task in system.tasks.stored.values():
        for attempt in task.attempts if task.finished else ():
            job = system.providers.ledger.jobs.get(attempt.job_id or "")
            if job is None or attempt.provider not in compared or attempt.charged != "unknown":
                continue
            # A provider may name one job for two calls: it stays with the first that claims it.
            mine = (job.work.task_id, job.work.attempt) == (task.task_id, attempt.number)
            if attempt.failure is not None and attempt.failure.code == "job-claimed":
                continue
            if mine and job.account == system.providers.accounts.account_name(attempt.provider):
                yield f"the history did not settle what {attempt.job_id} has cost"
