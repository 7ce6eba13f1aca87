"""The totals of many tasks: how many are where, what they cost, why they failed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from darkroom.domain.object_keys import shell_quote
from infra.cli.target import LOCAL
from infra.cli.tasks.cost import Cost, sum_cost

if TYPE_CHECKING:
    from darkroom.domain.task import State
    from darkroom.domain.task_summary import TaskSummary

Phase = Literal["done", "running", "waiting", "failed", "held", "cancelled"]
PHASES: "Final[Mapping[State, Phase]]" = {
    "waiting": "waiting",
    "held": "held",
    "queued": "waiting",
    "submitting": "running",
    "running": "running",
    "delivering": "running",
    "succeeded": "done",
    "failed": "failed",
    "unknown": "held",
    "cancelled": "cancelled",
}
"""State -> what users want to know of it; `held` waits for a person's decision or a budget."""

HELD: Final = "held"
"""In place of a failure code: tasks that have not ended, and are held before anything is paid."""


@dataclass(frozen=True)
class FailureGroup:
    """Tasks that ended badly, or are held, for the same reason.

    Attributes:
        example: the newest of them.
        fixable: whether a new run can help; else the spec or its input must change.
    """

    code: str
    phase: Phase
    count: int
    example: "TaskSummary"
    fixable: bool

    def command(self, name: str, environment: str = "local") -> str:
        """The command that goes on with these tasks, of those below `name`."""
        env = "" if environment == "local" else f" --env {environment}"
        verb = "retry" if self.fixable and self.phase == "failed" else "status"
        which = "--state held" if self.code == HELD else f"--code {self.code}"
        return f"darkroom {verb} {shell_quote(name or '/')} {which}{env}"


@dataclass(frozen=True)
class Totals:
    """Totals.

    Attributes:
        unread: specs and photos in the bucket that have no task yet, though they should.
        settling: photos under a folder default that wait for a spec of their own.
        warnings: code -> how many tasks have results with this warning as the first.
    """

    states: "Mapping[State, int]"
    phases: Mapping[Phase, int]
    cost: Cost
    failures: Sequence[FailureGroup] = field(default_factory=tuple)
    unread: int = 0
    settling: int = 0
    warnings: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All tasks, and the specs and photos that will be tasks."""
        return sum(self.states.values()) + self.unread + self.settling

    @property
    def ended(self) -> int:
        """How many are in a final state."""
        in_phases = sum(self.phases.get(p, 0) for p in ("done", "failed", "held", "cancelled"))
        return in_phases - self.on_hold

    @property
    def on_hold(self) -> int:
        """How many are held before anything is paid for them; they have not ended."""
        return self.states.get("held", 0)

    @property
    def text(self) -> str:
        """As in "120 done, 60 running, 20 waiting"."""
        parts = [
            f"{self.phases[p]:,} {p}" for p in dict.fromkeys(PHASES.values()) if p in self.phases
        ]
        return ", ".join([*parts, *self.notes])

    @property
    def notes(self) -> Sequence[str]:
        """What else users want to know, as in "3 settling"."""
        codes = ", ".join(f"{number:,} {code}" for code, number in self.warnings.items())
        notes = {
            "settling": self.settling,
            "uploaded, not read yet": self.unread,
            f"with a warning ({codes})": sum(self.warnings.values()),
        }
        return [f"{number:,} {what}" for what, number in notes.items() if number]


def count_tasks(
    summaries: "Iterable[TaskSummary]",
    unread: int = 0,
    settling: int = 0,
    environment: str = LOCAL,
) -> Totals:
    """The totals of these tasks of an environment."""
    summaries = list(summaries)
    states = Counter(summary.state for summary in summaries)
    phases: Counter[Phase] = Counter()
    for state, number in states.items():
        phases[PHASES[state]] += number
    warnings = Counter(each.warning for each in summaries if each.warning)
    return Totals(
        states,
        phases,
        sum_cost(summaries, environment),
        group_failures(summaries),
        unread,
        settling,
        dict(warnings.most_common()),
    )


def group_failures(summaries: "Iterable[TaskSummary]") -> list[FailureGroup]:
    """The failed, unknown and held tasks by phase and code, the largest group first."""
    groups: dict[tuple[Phase, str], list[TaskSummary]] = {}
    for summary in summaries:
        phase = PHASES[summary.state]
        if phase in ("failed", "held"):
            code = HELD if summary.state == "held" else summary.code or "unknown"
            groups.setdefault((phase, code), []).append(summary)
    made = [
        FailureGroup(
            code,
            phase,
            len(members),
            max(members, key=lambda each: each.ended_at or each.created_at),
            # A task without an order was refused before anything was tried.
            fixable=any(each.operation for each in members),
        )
        for (phase, code), members in groups.items()
    ]
    return sorted(made, key=lambda group: (-group.count, group.code))
