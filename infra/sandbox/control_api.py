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
from infra.sandbox.responses import json_response

RequestLog = Callable[[], list[dict[str, object]]]


class ClockUpdate(BaseModel):
    """A change of the clock; absent fields stay unchanged."""

    model_config = ConfigDict(extra="forbid")

    job_s: float | None = Field(default=None, ge=0)
    speed: float | None = Field(default=None, ge=0)
    advance_s: float = Field(default=0, ge=0)


class AccountUpdate(BaseModel):
    """A change of the account; `rate_per_min` of 0 lifts the limit."""

    model_config = ConfigDict(extra="forbid")

    credits: int | None = Field(default=None, ge=0)
    rate_per_min: int | None = Field(default=None, ge=0)
    active: bool | None = None


_RULE_LIST: TypeAdapter[list[Rule]] = TypeAdapter(list[Rule])
_KNOB_VALUES: TypeAdapter[dict[str, StrictBool | StrictInt | StrictStr]] = TypeAdapter(
    dict[str, StrictBool | StrictInt | StrictStr]
)


class ControlApi:
    """Handles the control routes of one sandbox."""

    def __init__(self, state: SandboxState, read_log: RequestLog) -> None:
        self._state = state
        self._routes: dict[tuple[str, str], Callable[[SandboxRequest], Response]] = {
            ("GET", "ledger"): self._ledger,
            ("GET", "requests"): lambda _: json_response({"requests": read_log()}),
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

    def handle(self, request: SandboxRequest) -> Response:
        """Respond to one control request: 404 for an unknown route, 400 for a wrong body."""
        name = request.path.removeprefix("/_sandbox/").rstrip("/")
        handler = self._routes.get((request.method, name))
        if handler is None:
            known = sorted(f"{method} /_sandbox/{path}" for method, path in self._routes)
            return json_response({"error": "no such control route", "known": known}, 404)
        try:
            return handler(request)
        except ValidationError as exc:
            problems = exc.errors(include_url=False, include_context=False, include_input=False)
            return json_response({"error": "not understood", "details": problems}, 400)

    def _ledger(self, _: SandboxRequest) -> Response:
        self._state.jobs.settle()
        return json_response(self._state.ledger.report())

    def _show_faults(self, _: SandboxRequest) -> Response:
        return json_response({"rules": self._state.faults.report()})

    def _add_faults(self, request: SandboxRequest) -> Response:
        body = request.get_data().strip()
        rules = _RULE_LIST.validate_json(body if body.startswith(b"[") else b"[" + body + b"]")
        self._state.faults.add(rules)
        return self._show_faults(request)

    def _clear_faults(self, request: SandboxRequest) -> Response:
        self._state.faults.clear()
        return self._show_faults(request)

    def _show_clock(self, _: SandboxRequest) -> Response:
        clock = self._state.clock
        return json_response({"now": clock.now(), "speed": clock.speed, "job_s": self._state.job_s})

    def _set_clock(self, request: SandboxRequest) -> Response:
        update = ClockUpdate.model_validate_json(request.get_data())
        if update.job_s is not None:
            self._state.job_s = update.job_s
        if update.speed is not None:
            self._state.clock.set_speed(update.speed)
        self._state.clock.advance(update.advance_s)
        return self._show_clock(request)

    def _show_account(self, _: SandboxRequest) -> Response:
        state = self._state
        return json_response(
            {
                "credits": state.ledger.balance,
                "rate_per_min": state.rate_limit.max_requests or 0,
                "active": state.active,
            }
        )

    def _set_account(self, request: SandboxRequest) -> Response:
        update = AccountUpdate.model_validate_json(request.get_data())
        if update.credits is not None:
            self._state.ledger.set_balance(update.credits)
        if update.rate_per_min is not None:
            self._state.rate_limit.max_requests = update.rate_per_min or None
        if update.active is not None:
            self._state.active = update.active
        return self._show_account(request)

    def _show_knobs(self, _: SandboxRequest) -> Response:
        return json_response({"knobs": self._state.knobs})

    def _set_knobs(self, request: SandboxRequest) -> Response:
        update = _KNOB_VALUES.validate_json(request.get_data())
        knobs = self._state.knobs
        for name, value in update.items():
            if name not in knobs or type(value) is not type(knobs[name]):
                return json_response({"error": f"no such knob: {name}", "known": knobs}, 400)
        knobs.update(update)
        return self._show_knobs(request)
