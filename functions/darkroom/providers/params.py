"""What the routes' parameter models share: strictness, and the portable names' types.

A portable parameter has one name in every spec; `serialization_alias` says what the provider
calls it. Nothing here is sent unless the spec says it or the field has a default of its own.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from darkroom.domain.routes import Params


def refuse_truth(value: object) -> object:
    """Refuse true and false where a number is wanted; Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("a number is wanted here")  # noqa: TRY004 - pydantic reports ValueError
    return value


class Strict(Params, strict=True, frozen=True, allow_inf_nan=False):
    """Parameters whose types are taken literally: "2" is no number."""

    def sent(self) -> dict[str, Any]:
        """What goes to the provider, under its own names; what was not said is not there."""
        return self.model_dump(by_alias=True, exclude_none=True)


Scale24 = Annotated[Literal[2, 4], BeforeValidator(refuse_truth)]
Scale1246 = Annotated[Literal[1, 2, 4, 6], BeforeValidator(refuse_truth)]
Scale1248 = Annotated[Literal[1, 2, 4, 8], BeforeValidator(refuse_truth)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


def form_value(value: object) -> str:
    """A parameter as text of a form field: `true`, `2`, `0.5`; lists and objects as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
