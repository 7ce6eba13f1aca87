"""Faults on request: which requests go wrong, how, and how often.

A fault is applied by the server around a provider's own handler. It never changes what a provider
would charge or check, only what becomes of the request, the answer, the job or the result.
"""

import threading
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator


class Match(BaseModel):
    """Which requests: `method` and `path` as fnmatch patterns."""

    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    path: str = "*"

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request is meant."""
        return fnmatchcase(method, self.method.upper()) and fnmatchcase(path, self.path)


class Effect(BaseModel):
    """What happens; one of the kinds below.

    - `status`: answered instead of the provider, with `headers` and `body`; nothing was done.
      Together with `result: gone` it is the status of the missing result (404 or 410).
    - `drop`: the connection closes without an answer, before or after the work.
    - `delay_s`: a stall; `then: before` does nothing and drops, `then: after` does the work first
      and answers at the end of the stall.
    - `malformed`: the work is done, the answer is half a JSON document.
    - `truncate`: the work is done, only so many bytes of the announced body are sent.
    - `result: gone`: the work is done, its result URL leads nowhere.
    - `job`: `fail` ends in a failed job, `hang` never leaves processing, `stall` never starts.
      `refund` says whether the failed job's credits come back; absent, as this provider does it.
      `body` may be the error that a failed job of Perfect ends with, such as "error_no_face".
    - `pack`: the work is done, the answer's body goes over the wire in this content coding.
    - `pad_bytes`: the work is done, its result file is that much larger, where its format allows.
    """

    model_config = ConfigDict(extra="forbid")

    status: int | None = Field(default=None, ge=100, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: JsonValue = None
    drop: Literal["before", "after"] | None = None
    delay_s: float | None = Field(default=None, ge=0)
    then: Literal["before", "after"] = "after"
    malformed: bool = False
    truncate: int | None = Field(default=None, ge=0)
    result: Literal["gone"] | None = None
    job: Literal["fail", "hang", "stall"] | None = None
    pad_bytes: int | None = Field(default=None, ge=0)
    pack: Literal["gzip", "deflate"] | None = None
    refund: bool | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        kinds = [
            self.status is not None and self.result is None,
            self.drop is not None,
            self.delay_s is not None,
            self.malformed,
            self.truncate is not None,
            self.result is not None,
            self.job is not None,
            self.pack is not None,
            self.pad_bytes is not None,
        ]
        if sum(kinds) != 1:
            raise ValueError(
                "name exactly one of status, drop, delay_s, malformed, truncate, result, job, "
                "pack, pad_bytes"
            )
        return self


class Rule(BaseModel):
    """One rule: the first `skip` matches pass unharmed, the next `times` do not (-1: all)."""

    model_config = ConfigDict(extra="forbid")

    match: Match = Field(default_factory=Match)
    do: Effect
    times: int = Field(default=1, ge=-1)
    skip: int = Field(default=0, ge=0)


class Faults:
    """The rules in force; the first one that matches and is not used up decides."""

    def __init__(self) -> None:
        self._rules: list[_Counted] = []
        self._lock = threading.Lock()

    def add(self, rules: list[Rule]) -> None:
        """Add rules behind those already there."""
        with self._lock:
            self._rules.extend(_Counted(rule) for rule in rules)

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Effect | None:
        """Return what befalls this request, and count it."""
        with self._lock:
            for counted in self._rules:
                if counted.rule.match.fits(method, path) and counted.fires():
                    return counted.rule.do
        return None

    def report(self) -> list[dict[str, object]]:
        """Return the rules with how often each matched and fired, ready for JSON."""
        with self._lock:
            return [
                counted.rule.model_dump(exclude_defaults=True)
                | {"seen": counted.seen, "fired": counted.fired}
                for counted in self._rules
            ]


class _Counted:
    """A rule with its counters."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen = 0
        self.fired = 0

    def fires(self) -> bool:
        if self.fired == self.rule.times:
            return False
        self.seen += 1
        if self.seen <= self.rule.skip:
            return False
        self.fired += 1
        return True
