"""Fires the rules that have a schedule, as deployed in EventBridge.

Only `rate(...)` is supported; any other schedule is refused at the start.
"""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from moto.events.models import events_backends

from infra.local.lambda_runtime.invoker import Invoker
from infra.local.moto_patches.event_targets import build_event, build_input, may_deliver
from infra.local.permissions.decision_point import DecisionPoint

RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
SECONDS: Final = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}


class UnknownScheduleError(ValueError):
    """A schedule that is not supported here."""


@dataclass(frozen=True)
class Schedule:
    """A rule and its interval in seconds."""

    rule: Any
    every_s: float


class Scheduler:
    """Fires schedules until it is stopped."""

    def __init__(
        self,
        invoker: Invoker,
        point: DecisionPoint,
        account: str,
        region: str,
        max_interval_s: float,
    ) -> None:
        """`max_interval_s` shortens longer intervals, so that users do not wait for minutes.

        The same rule is fired once, however often a stack is deployed.
        """
        self._invoker = invoker
        self._point = point
        self._account = account
        self._region = region
        self._max_interval_s = max_interval_s
        self._fired: set[str] = set()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Fire the schedules that are new, the first time after one interval."""
        for found in list(find_schedules(self._account, self._region)):
            if found.rule.arn in self._fired:
                continue
            self._fired.add(found.rule.arn)
            schedule = Schedule(found.rule, min(found.every_s, self._max_interval_s))
            name = f"schedule-{schedule.rule.name}"
            threading.Thread(target=self._run, args=(schedule,), name=name, daemon=True).start()

    def stop(self) -> None:
        """Fire no more."""
        self._stopped.set()

    def _run(self, schedule: Schedule) -> None:
        due = time.monotonic() + schedule.every_s
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += schedule.every_s
            rule = schedule.rule
            if rule.state != "ENABLED":
                continue
            event = build_event(
                "aws.events", "Scheduled Event", [rule.arn], {}, self._account, self._region
            )
            for target in rule.targets:
                if may_deliver(self._point, rule, target):
                    self._invoker.invoke_later(target["Arn"], build_input(target, event))


def find_schedules(account: str, region: str) -> Iterator[Schedule]:
    """The scheduled rules of the default bus. Raises `UnknownScheduleError`."""
    for rule in events_backends[account][region].event_buses["default"].rules.values():
        if not rule.scheduled_expression:
            continue
        match = RATE.fullmatch(rule.scheduled_expression)
        if match is None:
            raise UnknownScheduleError(
                f"the rule {rule.name}: {rule.scheduled_expression} is not supported, only rate()"
            )
        others = [one["Arn"] for one in rule.targets if one["Arn"].split(":")[2] != "lambda"]
        if others:
            raise UnknownScheduleError(
                f"the rule {rule.name} has a target that is not a function: {others}"
            )
        yield Schedule(rule, int(match[1]) * SECONDS[match[2]])
