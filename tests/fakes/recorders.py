"""Runs, events and dead letters, recorded in memory."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.domain.errors import Busy
from darkroom.ports import RunStatus


class RecordingWorkflows:
    """`darkroom.ports.Workflows` in memory; `started` has every run once, `ended` those over."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.ended: set[tuple[str, int]] = set()

    def start(self, task_id: str, run: int) -> None:
        """Start the run; nothing if it exists already."""
        if (task_id, run) not in self.started:
            self.started.append((task_id, run))

    def status(self, task_id: str, run: int) -> RunStatus:
        """The run's status."""
        if (task_id, run) in self.ended:
            return "ended"
        return "running" if (task_id, run) in self.started else "none"


@dataclass(frozen=True)
class Published:
    """One event as the bus took it."""

    kind: str
    detail: Mapping[str, Any]


class RecordingEvents:
    """`darkroom.ports.Events` in memory; the bus refuses the next `refusals` puts."""

    def __init__(self) -> None:
        self.published: list[Published] = []
        self.refusals = 0

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Put one event. Raises `Busy` when the bus did not take it."""
        if self.refusals:
            self.refusals -= 1
            raise Busy("event-not-taken", f"The event bus did not take '{kind}' (asked to).")
        self.published.append(Published(kind, json.loads(json.dumps(detail))))


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up, and the reason."""

    body: str
    reason: str
    message_id: str


class RecordingDeadLetters:
    """Fulfils `darkroom.ports.DeadLetters`."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def put(self, body: str, reason: str, message_id: str) -> None:
        """Keep the message with the reason and the id on it."""
        self.letters.append(DeadLetter(body, reason, message_id))


class RecordingErrands:
    """Fulfils `darkroom.ports.Errands`.

    Attributes:
        bodies: what was sent and not taken out yet.
        delays: the delays of all that was ever sent, in seconds.
    """

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.delays: list[int] = []

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> None:
        """Send them all."""
        self.bodies += bodies
        self.delays += [delay_s] * len(bodies)

    def take(self) -> Sequence[str]:
        """What lies there; then nothing does."""
        taken, self.bodies = self.bodies, []
        return taken
