"""The base class of the routes' parameter models, and types of portable parameters.

A portable parameter has one name in every spec; `serialization_alias` is the provider's name for
it. A parameter is sent only if the spec has it or the field has a default.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from darkroom.domain.routes import Params


def reject_bool(value: object) -> object:
    """Reject true and false for a number; Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("a number is expected here")  # noqa: TRY004 - pydantic reports ValueError
    return value


class StrictParams(Params, strict=True, frozen=True, allow_inf_nan=False):
    """Parameters whose types are taken literally: "2" is not a number."""

    def to_provider(self) -> dict[str, Any]:
        """The parameters under the provider's names, without those that the spec leaves out."""
        return self.model_dump(by_alias=True, exclude_none=True)


Scale24 = Annotated[Literal[2, 4], BeforeValidator(reject_bool)]
Scale1246 = Annotated[Literal[1, 2, 4, 6], BeforeValidator(reject_bool)]
Scale1248 = Annotated[Literal[1, 2, 4, 8], BeforeValidator(reject_bool)]
Fraction01 = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
