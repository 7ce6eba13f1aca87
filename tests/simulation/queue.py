"""The intake queue: at least once, in no order, and to the dead letters after so many receives."""

import functools
from collections.abc import Callable
from typing import Final

from darkroom.arrivals import Message
from tests.simulation.outside import Broken, Outside

RECEIVES: Final = 20
"""How often a message is received before it goes to the dead letters; as deployed."""
HIDDEN_S: Final = 360
"""How long a message that was not taken stays hidden; as deployed."""


class Queue:
    """Messages on their way to INTAKE; `dead` are those that nobody could take."""

    def __init__(self, outside: Outside, take: Callable[[Message], Broken | None]) -> None:
        self.dead: list[Message] = []
        self._outside, self._take = outside, take
        self._count = 0

    def send(self, body: str) -> None:
        """Put an event's message in: once, or twice, soon or late."""
        mischief = self._outside.mischief
        self._send(body)
        if mischief.chance("event-duplicated"):
            self._send(body)

    def redrive(self) -> int:
        """Let a person move the dead letters back; how many there were."""
        dead, self.dead = self.dead, []
        for message in dead:
            self._outside.timeline.after(1, functools.partial(self._receive, message, 1))
        return len(dead)

    def _send(self, body: str) -> None:
        mischief = self._outside.mischief
        self._count += 1
        message = Message(body, f"m{self._count}")
        delay_s = mischief.between(0.1, 0.4)
        if mischief.chance("event-delayed"):
            delay_s = mischief.between(10, 4000)
        if mischief.chance("event-poisoned"):
            # No receive succeeds, whatever the reason.
            self._outside.timeline.after(RECEIVES * HIDDEN_S, lambda: self.dead.append(message))
            return
        self._outside.timeline.after(delay_s, functools.partial(self._receive, message, 1))
        if mischief.chance("message-redelivered"):
            again_s = delay_s + mischief.between(0, 0.3)
            self._outside.timeline.after(again_s, functools.partial(self._receive, message, 2))

    def _receive(self, message: Message, receives: int) -> None:
        if self._take(message) is None:
            return
        if receives >= RECEIVES:
            self.dead.append(message)
            return
        again = functools.partial(self._receive, message, receives + 1)
        self._outside.timeline.after(HIDDEN_S, again)
