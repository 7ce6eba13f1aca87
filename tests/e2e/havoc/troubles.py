"""Troubles that last for some seconds in a havoc run: our stores refuse, an account is blocked.

    outputs      the output bucket takes no writes
    table        the table takes no writes
    no-credits   Apiframe's account is empty
    inactive     GoAPI's key is refused
    wrong-key    the secret of SnapAPI's key holds an old one

Each comes once, soon after the first paid call, and goes again by itself.
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

from tests.e2e.refusals import OUTPUTS, TABLE
from tests.e2e.shop import Shop

BEGINS_S: Final = (0.0, 10.0)
LOOK_EVERY_S: Final = 0.5
LASTS_S: Final = (5.0, 12.0)
CREDITS: Final = 100_000
OLD_KEY: Final = "a-key-that-was-rotated-away"

PutSecret = Callable[[str, dict[str, str]], None]
"""Provider and what its secret is to hold."""


@dataclass
class Troubles:
    """Plays them, each in a thread of its own.

    Args:
        shop: the environment.
        folder: its folder.
        rng: decides when.
        put_secret: writes a provider's secret.
        access: provider -> what its secret rightly holds.
        under_way: tells whether anything has been paid for yet.

    Attributes:
        closed: when the output bucket was closed, from and to, by the wall clock.
        played: those that have come and gone.
    """

    shop: Shop
    folder: Path
    rng: random.Random
    put_secret: PutSecret
    access: dict[str, dict[str, str]]
    under_way: Callable[[], bool]
    closed: list[tuple[float, float]] = field(default_factory=list)
    played: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """They begin to come."""
        for name, begun in self._all().items():
            at_s, lasts_s = self.rng.uniform(*BEGINS_S), self.rng.uniform(*LASTS_S)
            thread = threading.Thread(
                target=self._play, args=(name, begun, at_s, lasts_s), name=name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Whatever has not gone, goes."""
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

    def _play(
        self,
        name: str,
        begun: Callable[[], contextlib.AbstractContextManager[None]],
        at_s: float,
        lasts_s: float,
    ) -> None:
        while not self.under_way():
            if self._ended.wait(LOOK_EVERY_S):
                return
        if self._ended.wait(at_s):
            return
        with begun():
            self._ended.wait(lasts_s)
        self.played.append(name)

    @contextlib.contextmanager
    def _closed_outputs(self) -> Iterator[None]:
        since = time.time()
        with self._refusing(OUTPUTS, self.shop.outputs["OutputBucket"]):
            yield
        self.closed.append((since, time.time()))

    @contextlib.contextmanager
    def _refusing(self, name: str, what: str) -> Iterator[None]:
        sign = self.folder / name
        sign.write_text(what)
        try:
            yield
        finally:
            sign.unlink()

    @contextlib.contextmanager
    def _account(self, provider: str, bad: dict[str, Any], good: dict[str, Any]) -> Iterator[None]:
        url = f"{self.shop.sandboxes[provider]['base_url']}/_sandbox/account"
        httpx.post(url, json=bad).raise_for_status()
        try:
            yield
        finally:
            httpx.post(url, json=good).raise_for_status()

    @contextlib.contextmanager
    def _wrong_key(self) -> Iterator[None]:
        held = self.access["snapapi"]
        keys = {name: OLD_KEY for name in held if name != "base_url"}
        self.put_secret("snapapi", {**held, **keys})
        try:
            yield
        finally:
            self.put_secret("snapapi", held)
