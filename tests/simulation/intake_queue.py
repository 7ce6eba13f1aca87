"""The intake queue: at least once, in no order, and to the dead letters after so many receives."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from darkroom.domain.arrivals import Message
from darkroom.pipeline.intake import MAX_TRIES
from tests.simulation.fault_injection import Broken, FaultInjector

MAX_RECEIVES: Final = 20
"""How often a message is received before it goes to the dead letters; as deployed."""
MALFORMED: Final = '{"key": ["no text"]'
"""A message that nobody will ever understand, so nobody puts it back."""
HIDDEN_S: Final = 360
"""How long a message that was not taken stays hidden; as deployed."""


class IntakeQueue:
    """Messages on their way to INTAKE; fulfils `darkroom.ports.DeadLetters`.

    Attributes:
        dead: messages that nobody could take, as they were, and as INTAKE gave them up.
        reasons: why it did, each time.
        under_way: how many receives are still to come.
    """

    def __init__(self, injector: FaultInjector, take: Callable[[Message], Broken | None]) -> None:
        self.dead: list[Message] = []
        self.reasons: list[str] = []
        self._poisoned: set[str] = set()
        self.under_way = 0
        self._outside, self._take = injector, take
        self._count = 0

    def send(self, body: str) -> None:
        """Put an event's message in: once, or twice, soon or late."""
        fault_policy = self._outside.fault_policy
        self._send(body)
        if fault_policy.chance("event-duplicated"):
            self._send(body)

    def put(self, body: str, reason: str, message_id: str) -> None:
        """Keep the message with the reason on it; as a message it is another one."""
        del message_id
        self.reasons.append(reason)
        if body != MALFORMED:
            self._count += 1
            self.dead.append(Message(body, f"m{self._count}"))

    def redrive(self) -> int:
        """Let a person move the dead letters back; how many there were."""
        dead, self.dead = self.dead, []
        for message in dead:
            if self._outside.fault_policy.chance("redrive-renames"):
                # AWS's own redrive sends them anew: each has another id then.
                self._count += 1
                message = replace(message, message_id=f"m{self._count}")  # noqa: PLW2901
            self._hand_out(1, message, 1)
        return len(dead)

    def _send(self, body: str) -> None:
        fault_policy = self._outside.fault_policy
        self._count += 1
        message = Message(body, f"m{self._count}")
        delay_s = fault_policy.between(0.1, 0.4)
        if fault_policy.chance("event-delayed"):
            delay_s = fault_policy.between(10, 4000)
        if fault_policy.chance("event-poisoned"):
            self._poisoned.add(message.message_id)
        self._hand_out(delay_s, message, 1)
        if fault_policy.chance("message-redelivered"):
            self._hand_out(delay_s + fault_policy.between(0, 0.3), message, 2)

    def _hand_out(self, delay_s: float, message: Message, receives: int) -> None:
        self.under_way += 1
        receive = functools.partial(self._receive, message, receives)
        self._outside.scheduler.after(delay_s, receive)

    def _receive(self, message: Message, receives: int) -> None:
        # Whoever takes a poisoned message dies of it; nobody does who only puts it aside.
        kills = message.message_id in self._poisoned and receives <= MAX_TRIES
        if not kills and self._take(replace(message, receives=receives)) is None:
            self.under_way -= 1
        elif receives >= MAX_RECEIVES:
            self._bury(message)
        else:
            self.under_way -= 1
            self._hand_out(HIDDEN_S, message, receives + 1)

    def _bury(self, message: Message) -> None:
        self.under_way -= 1
        self.dead.append(message)
