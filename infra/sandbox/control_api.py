"""The control routes under `/_sandbox/`: ledger, faults, clock, account, knobs, request log.

They need no key and are no part of any provider's API.
"""

from collections.abc import Callable

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)
from werkzeug.wrappers import Response

from infra.sandbox.context import SandboxRequest, SandboxState
from infra.sandbox.faults import Rule
from infra.sandbox.responses import json_reply

RequestLog = Callable[[], list[dict[str, object]]]


class ClockOrder(BaseModel):
    """What may be asked of the clock; what is absent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    job_s: float | None = Field(default=None, ge=0)
    speed: float | None = Field(default=None, ge=0)
    advance_s: float = Field(default=0, ge=0)


class AccountOrder(BaseModel):
    """What may be asked of the account; `rate_per_min` of 0 lifts the limit."""

    model_config = ConfigDict(extra="forbid")

    credits: int | None = Field(default=None, ge=0)
    rate_per_min: int | None = Field(default=None, ge=0)
    active: bool | None = None


_RULES: TypeAdapter[list[Rule]] = TypeAdapter(list[Rule])
_KNOBS: TypeAdapter[dict[str, StrictBool | StrictInt | StrictStr]] = TypeAdapter(
    dict[str, StrictBool | StrictInt | StrictStr]
)


class Control:
    """Answers the control routes of one sandbox."""

    def __init__(self, world: SandboxState, read_log: RequestLog) -> None:
        self._world = world
        self._routes: dict[tuple[str, str], Callable[[SandboxRequest], Response]] = {
            ("GET", "ledger"): self._ledger,
            ("GET", "requests"): lambda _: json_reply({"requests": read_log()}),
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "clock"): self._show_clock,
            ("POST", "clock"): self._set_clock,
            ("GET", "account"): self._show_account,
            ("POST", "account"): self._set_account,
            ("GET", "knobs"): self._show_knobs,
            ("POST", "knobs"): self._set_knobs,
        }

    def answer(self, request: SandboxRequest) -> Response:
        """Answer one control request: 404 for an unknown route, 400 for a wrong body."""
        name = request.path.removeprefix("/_sandbox/").rstrip("/")
        handler = self._routes.get((request.method, name))
        if handler is None:
            known = sorted(f"{method} /_sandbox/{path}" for method, path in self._routes)
            return json_reply({"error": "no such control route", "known": known}, 404)
        try:
            return handler(request)
        except ValidationError as exc:
            problems = exc.errors(include_url=False, include_context=False, include_input=False)
            return json_reply({"error": "not understood", "details": problems}, 400)

    def _ledger(self, _: SandboxRequest) -> Response:
        self._world.jobs.settle()
        return json_reply(self._world.ledger.report())

    def _show_faults(self, _: SandboxRequest) -> Response:
        return json_reply({"rules": self._world.faults.report()})

    def _add_faults(self, request: SandboxRequest) -> Response:
        body = request.get_data().strip()
        rules = _RULES.validate_json(body if body.startswith(b"[") else b"[" + body + b"]")
        self._world.faults.add(rules)
        return self._show_faults(request)

    def _clear_faults(self, request: SandboxRequest) -> Response:
        self._world.faults.clear()
        return self._show_faults(request)

    def _show_clock(self, _: SandboxRequest) -> Response:
        clock = self._world.clock
        return json_reply({"now": clock.now(), "speed": clock.speed, "job_s": self._world.job_s})

    def _set_clock(self, request: SandboxRequest) -> Response:
        order = ClockOrder.model_validate_json(request.get_data())
        if order.job_s is not None:
            self._world.job_s = order.job_s
        if order.speed is not None:
            self._world.clock.run_at(order.speed)
        self._world.clock.advance(order.advance_s)
        return self._show_clock(request)

    def _show_account(self, _: SandboxRequest) -> Response:
        world = self._world
        return json_reply(
            {
                "credits": world.ledger.balance,
                "rate_per_min": world.pace.limit or 0,
                "active": world.active,
            }
        )

    def _set_account(self, request: SandboxRequest) -> Response:
        order = AccountOrder.model_validate_json(request.get_data())
        if order.credits is not None:
            self._world.ledger.set_balance(order.credits)
        if order.rate_per_min is not None:
            self._world.pace.limit = order.rate_per_min or None
        if order.active is not None:
            self._world.active = order.active
        return self._show_account(request)

    def _show_knobs(self, _: SandboxRequest) -> Response:
        return json_reply({"knobs": self._world.knobs})

    def _set_knobs(self, request: SandboxRequest) -> Response:
        order = _KNOBS.validate_json(request.get_data())
        knobs = self._world.knobs
        for name, value in order.items():
            if name not in knobs or type(value) is not type(knobs[name]):
                return json_reply({"error": f"no such knob: {name}", "known": knobs}, 400)
        knobs.update(order)
        return self._show_knobs(request)
