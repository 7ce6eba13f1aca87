"""Outages of some seconds in a havoc run: our stores refuse writes, an account is blocked.

    outputs      the output bucket takes no writes
    table        the table takes no writes
    no-credits   Apiframe's account is empty
    inactive     GoAPI's key is refused
    wrong-key    the secret of SnapAPI's key holds an old one

Each happens once, soon after the first paid call, and ends after some seconds.
"""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.e2e.environment_client import EnvironmentClient
from tests.e2e.store_outages import OUTPUTS, TABLE

BEGINS_S: Final = (0.0, 10.0)
POLL_INTERVAL_S: Final = 0.5
LASTS_S: Final = (5.0, 12.0)
CREDITS: Final = 100_000
OLD_KEY: Final = "a-key-that-was-rotated-away"

PutSecret = Callable[[str, dict[str, str]], None]
"""Gets a provider and the new value of its secret."""


@dataclass
class Outages:
    """Runs all outages, each in its own thread.

    Args:
        client: of the environment.
        folder: its folder.
        rng: draws start and length.
        put_secret: writes a provider's secret.
        access: provider -> the right value of its secret.
        paid: returns whether anything has been paid for yet.

    Attributes:
        closed: the wall-clock times, from and to, at which the output bucket refused writes.
        finished: the names of the outages that have ended.
    """

    client: EnvironmentClient
    folder: Path
    rng: random.Random
    put_secret: PutSecret
    access: dict[str, dict[str, str]]
    paid: Callable[[], bool]
    closed: list[tuple[float, float]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        for name, outage in self._all().items():
            at_s, lasts_s = self.rng.uniform(*BEGINS_S), self.rng.uniform(*LASTS_S)
            thread = threading.Thread(
                target=self._run, args=(name, outage, at_s, lasts_s), name=name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End all outages."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _all(self) -> dict[str, Callable[[], contextlib.AbstractContextManager[None]]]:
        return {
            "outputs": self._closed_outputs,
            "table": lambda: self._refusing(TABLE, ""),
            "no-credits": lambda: self._account("apiframe", {"credits": 0}, {"credits": CREDITS}),
            "inactive": lambda: self._account("goapi", {"active": False}, {"active": True}),
            "wrong-key": self._wrong_key,
        }

    def _run(
        self,
        name: str,
        outage: Callable[[], contextlib.AbstractContextManager[None]],
        at_s: float,
        lasts_s: float,
    ) -> None:
        while not self.paid():
            if self._ended.wait(POLL_INTERVAL_S):
                return
        if self._ended.wait(at_s):
            return
        with outage():
            self._ended.wait(lasts_s)
        self.finished.append(name)

    @contextlib.contextmanager
    def _closed_outputs(self) -> Iterator[None]:
        since = time.time()
        with self._refusing(OUTPUTS, self.client.outputs["OutputBucket"]):
            yield
        self.closed.append((since, time.time()))

    @contextlib.contextmanager
    def _refusing(self, name: str, content: str) -> Iterator[None]:
        marker = self.folder / name
        marker.write_text(content)
        try:
            yield
        finally:
            marker.unlink()

    @contextlib.contextmanager
    def _account(self, provider: str, bad: dict[str, Any], good: dict[str, Any]) -> Iterator[None]:
        url = f"{self.client.sandboxes[provider]['base_url']}/_sandbox/account"
        httpx.post(url, json=bad).raise_for_status()
        try:
            yield
        finally:
            httpx.post(url, json=good).raise_for_status()

    @contextlib.contextmanager
    def _wrong_key(self) -> Iterator[None]:
        right = self.access["snapapi"]
        keys = {name: OLD_KEY for name in right if name != "base_url"}
        self.put_secret("snapapi", {**right, **keys})
        try:
            yield
        finally:
            self.put_secret("snapapi", right)
