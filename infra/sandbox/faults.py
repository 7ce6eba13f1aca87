"""Fault injection: which requests go wrong, how, and how often.

The server applies a fault around the provider's handler. A fault never changes what the provider
checks or charges, only what happens to the request, the response, the job or the result.
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

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is for this request."""
        return fnmatchcase(method, self.method.upper()) and fnmatchcase(path, self.path)


class Effect(BaseModel):
    """What happens; exactly one of these kinds.

    - `status`: this response instead of the provider's, with `headers` and `body`; the provider
      does nothing. With `result: gone` it is the status of the missing result (404 or 410).
    - `drop`: the connection closes without a response, before or after the provider's work.
    - `delay_s`: a stall; `then: before` drops the request after it, `then: after` lets the provider
      work first and responds at the end of the stall.
    - `malformed`: the provider works; the response is half a JSON document.
    - `truncate`: the provider works; only this many bytes of the announced body are sent.
    - `result: gone`: the provider works; the result URL leads nowhere.
    - `job`: `fail` ends in a failed job, `hang` never ends processing, `stall` never starts.
      `refund` is whether a failed job's credits come back; the default is the provider's own rule.
      `body` can be the error code of a failed job of Perfect, such as "error_no_face".
    - `pack`: the provider works; the body of its response has this content coding.
    - `pad_bytes`: the provider works; its result file is larger by this, where its format allows.
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

    @property
    def gone_status(self) -> int | None:
        """The status in place of the result where the result is gone, else None."""
        return None if self.result is None else self.status or 404


class Rule(BaseModel):
    """One rule: skips the first `skip` matches, applies to the next `times` (-1: to all)."""

    model_config = ConfigDict(extra="forbid")

    match: Match = Field(default_factory=Match)
    do: Effect
    times: int = Field(default=1, ge=-1)
    skip: int = Field(default=0, ge=0)


class Faults:
    """The active rules; the first one that matches and is not used up applies."""

    def __init__(self) -> None:
        self._rules: list[_CountedRule] = []
        self._lock = threading.Lock()

    def add(self, rules: list[Rule]) -> None:
        """Add rules after the existing ones."""
        with self._lock:
            self._rules.extend(_CountedRule(rule) for rule in rules)

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Effect | None:
        """Return the effect on this request, None without a fault, and count the match."""
        with self._lock:
            for counted in self._rules:
                if counted.rule.match.matches(method, path) and counted.apply():
                    return counted.rule.do
        return None

    def report(self) -> list[dict[str, object]]:
        """Return the rules with their numbers of matches and uses, ready for JSON."""
        with self._lock:
            return [
                counted.rule.model_dump(exclude_defaults=True)
                | {"seen": counted.seen, "fired": counted.fired}
                for counted in self._rules
            ]


class _CountedRule:
    """A rule with its counters."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen = 0
        self.fired = 0

    def apply(self) -> bool:
        if self.fired == self.rule.times:
            return False
        self.seen += 1
        if self.seen <= self.rule.skip:
            return False
        self.fired += 1
        return True
