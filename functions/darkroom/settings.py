"""The environment variables, read once into a frozen value; all missing ones are reported."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from darkroom.domain.price_settings import PriceSettings
from darkroom.domain.rate_limits import AccountLimits

PREFIX = "DARKROOM_"
SECRET_PREFIX = "DARKROOM_SECRET_"  # noqa: S105 - the name of variables that name secrets
_OF_LAMBDA = {
    "memory_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "library_path": "LD_LIBRARY_PATH",
}
"""Settings whose variables Lambda sets (Lambda guide, "Defined runtime environment variables")."""


class SettingsError(Exception):
    """An environment variable is missing or invalid; the message names it and the next step."""


class Settings(BaseModel):
    """One environment's settings, as the stack gives them to its functions.

    Attributes:
        secrets: provider -> the id of its secret.
        order: operation -> providers to prefer, in order; "*" stands for every other operation.
        pace: provider -> the account's limits, if they differ from the documented ones.
        price: provider -> prices that differ from the documented ones.
        assume_price: provider, or "*" for every other -> the credits that money limits count for a
            call whose price is not known.
        linger_s: the longest wait for a job inside a function, if it is not what pays.
        typical_s: how long jobs usually take at most, seconds; only where sandboxes run.
        money: what may be spent, and how many new tasks at once are no accident; the fields of
            `domain.money_settings.MoneySettings`.
        settled_s: how long nothing of a batch may have changed at its end, if it is not the usual
            minute; only where sandboxes run.
        loopback: whether results may be fetched from this machine; only where sandboxes run.
        options: provider -> options of its adapter, such as `{"perfect": {"slugs": ...}}`.
        state_machine_arn: of the workflow, to start its runs.
        dead_letter_queue_url: only for intake.
        intake_queue_url: only for intake.
        memory_mb: of this function; None outside of Lambda.
        library_path: where programs find shared libraries, Python's own among them.
    """

    model_config = ConfigDict(frozen=True)

    environment: str
    input_bucket: str
    output_bucket: str
    table: str
    event_bus: str
    state_machine_arn: str = ""
    dead_letter_queue_url: str = ""
    intake_queue_url: str = ""
    secrets: Mapping[str, str] = {}
    order: Mapping[str, tuple[str, ...]] = {}
    options: Mapping[str, Mapping[str, Any]] = {}
    pace: Mapping[str, AccountLimits] = {}
    price: Mapping[str, PriceSettings] = {}
    assume_price: Mapping[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    linger_s: int | None = None
    typical_s: int | None = None
    money: Mapping[str, Any] = {}
    settled_s: int | None = None
    loopback: bool = False
    memory_mb: int | None = None
    library_path: str = ""

    @property
    def memory_bytes(self) -> int | None:
        """The memory of this function; None where it is not limited."""
        return None if self.memory_mb is None else self.memory_mb * 1024 * 1024

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read `DARKROOM_<NAME>` for every setting and `DARKROOM_SECRET_<PROVIDER>`.

        Raises:
            SettingsError: names every missing variable, or describes an invalid one.
        """
        values = {
            name: variables[PREFIX + name.upper()]
            for name in cls.model_fields
            if variables.get(PREFIX + name.upper())
        }
        values |= {name: variables[of] for name, of in _OF_LAMBDA.items() if variables.get(of)}
        missing = [
            PREFIX + name.upper()
            for name, field in cls.model_fields.items()
            if field.is_required() and name not in values
        ]
        if missing:
            raise SettingsError(
                f"These variables are not set: {', '.join(missing)}. The stack sets them for its "
                "functions; on one machine `darkroom local` does."
            )
        secrets = {
            name.removeprefix(SECRET_PREFIX).lower(): value
            for name, value in variables.items()
            if name.startswith(SECRET_PREFIX) and value
        }
        try:
            return cls.model_validate(values | {"secrets": secrets})
        except ValidationError as error:
            wrong = PREFIX + str(error.errors()[0]["loc"][0]).upper()
            raise SettingsError(f"{wrong} is not understood: {error.errors()[0]['msg']}") from error

    @field_validator("order", "options", "pace", "price", "assume_price", "money", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        """These variables hold JSON objects as text."""
        return json.loads(value) if isinstance(value, str) else value
