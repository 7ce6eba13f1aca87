"""The intake queue: at least once, in any order, then the dead-letter queue."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from darkroom.domain.arrivals import Message
from darkroom.pipeline.intake import MAX_TRIES
from tests.simulation.fault_injection import FaultInjector, FunctionError

MAX_RECEIVES: Final = 20
"""How often a message is received before it becomes a dead letter; as deployed."""
MALFORMED: Final = '{"key": ["no text"]'
"""A message that INTAKE cannot parse, so nobody redrives it."""
VISIBILITY_TIMEOUT_S: Final = 360
"""How long a message that failed stays hidden; as deployed."""


class IntakeQueue:
    """Messages on their way to INTAKE; fulfils `darkroom.ports.DeadLetters`.

    Attributes:
        dead: dead letters, as they were, and those that INTAKE gave up.
        reasons: why INTAKE gave them up.
        in_flight: how many receives are still scheduled.
    """

    def __init__(
        self, injector: FaultInjector, take: Callable[[Message], FunctionError | None]
    ) -> None:
        self.dead: list[Message] = []
        self.reasons: list[str] = []
        self._poisoned: set[str] = set()
        self.in_flight = 0
        self._injector, self._take = injector, take
        self._count = 0

    def send(self, body: str, delay_s: int = 0) -> None:
        """Send an event's message: once or twice, soon or late, and not before `delay_s`."""
        fault_policy = self._injector.fault_policy
        self._send(body, delay_s)
        if fault_policy.chance("event-duplicated"):
            self._send(body, delay_s)

    def put(self, body: str, reason: str, message_id: str) -> None:
        """Store the message with the reason; it gets a new message id."""
        del message_id
        self.reasons.append(reason)
        if body != MALFORMED:
            self._count += 1
            self.dead.append(Message(body, f"m{self._count}"))

    def redrive(self) -> int:
        """Move the dead letters back to the queue and return how many there were."""
        dead, self.dead = self.dead, []
        for message in dead:
            if self._injector.fault_policy.chance("redrive-renames"):
                # AWS's own redrive sends new messages: each has another id then.
                self._count += 1
                message = replace(message, message_id=f"m{self._count}")  # noqa: PLW2901
            self._schedule_receive(1, message, 1)
        return len(dead)

    def _send(self, body: str, min_delay_s: int) -> None:
        fault_policy = self._injector.fault_policy
        self._count += 1
        message = Message(body, f"m{self._count}")
        delay_s = fault_policy.between(0.1, 0.4)
        if fault_policy.chance("event-delayed"):
            delay_s = fault_policy.between(10, 4000)
        delay_s += min_delay_s
        if fault_policy.chance("event-poisoned"):
            self._poisoned.add(message.message_id)
        self._schedule_receive(delay_s, message, 1)
        if fault_policy.chance("message-redelivered"):
            self._schedule_receive(delay_s + fault_policy.between(0, 0.3), message, 2)

    def _schedule_receive(self, delay_s: float, message: Message, receives: int) -> None:
        self.in_flight += 1
        receive = functools.partial(self._receive, message, receives)
        self._injector.scheduler.after(delay_s, receive)

    def _receive(self, message: Message, receives: int) -> None:
        # A poisoned message kills the process that handles it, but not one that only stores it.
        kills = message.message_id in self._poisoned and receives <= MAX_TRIES
        if not kills and self._take(replace(message, receives=receives)) is None:
            self.in_flight -= 1
        elif receives >= MAX_RECEIVES:
            self._move_to_dead_letters(message)
        else:
            self.in_flight -= 1
            self._schedule_receive(VISIBILITY_TIMEOUT_S, message, receives + 1)

    def _move_to_dead_letters(self, message: Message) -> None:
        self.in_flight -= 1
        self.dead.append(message)
