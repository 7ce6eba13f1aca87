"""Perfect's parameters, one model per feature.

Names and choices are those of the vendor's API document (Perfect AI API 2.0, each feature's "Run
a ... task"). The last models are of features that it names without describing them: their
parameters are those of the vendor's later API (v2), and all of them are optional.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from darkroom.providers.params import Positive, StrictParams, reject_bool

MAX_LENGTH = 200
"""Characters of a title."""

Scale124 = Annotated[Literal[1, 2, 4], BeforeValidator(reject_bool)]
Prompt = Annotated[str, Field(min_length=1)]
Title = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]


def _validate_id(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{1,30}", value):
        return value
    raise ValueError("an id, a whole number, is expected")


def _validate_style(value: object) -> object:
    if isinstance(value, str) and 0 < len(value) <= MAX_LENGTH:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("a style's id or its title is expected")


# The vendor's ids are whole numbers above 2^53; a client that cannot write them sends texts.
Id = Annotated[int | str, BeforeValidator(_validate_id)]
IdOrTitle = Annotated[int | str, BeforeValidator(_validate_style)]

NOT_IN_ACTION = frozenset({"format", "style", "style_group", "style_group_id"})
"""Parameters that are elsewhere in the request, or are looked up first."""


class Plain(StrictParams):
    """A feature that takes files alone."""

    def action(self) -> dict[str, Any]:
        """The action's `params`, without those that the spec leaves out."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude=set(NOT_IN_ACTION))

    @property
    def output_ext(self) -> str | None:
        """The requested format, or None for the vendor's default."""
        return getattr(self, "format", None)


class ToJpg(Plain):
    """Results are JPEG."""

    format: Literal["jpg"] | None = None


class ToJpgOrWebp(Plain):
    """Results are JPEG or WebP."""

    format: Literal["jpg", "webp"] | None = None


class Enlargement(ToJpgOrWebp):
    """How much larger. WebP is asked for where the source has transparency: JPEG has none."""


class ToPngOrWebp(Plain):
    """Results have an alpha channel."""

    format: Literal["png", "webp"] | None = None


class Styled(ToJpg):
    """A style of the vendor's catalogue, by its id or its title.

    The vendor wants the style's group, too. It is looked up unless it is given, by id or by title;
    a title also tells styles apart that are called alike.
    """

    style: IdOrTitle
    style_group_id: Id | None = None
    style_group: Title | None = None


class Generate(Styled):
    """A picture from words, in a style."""

    prompt: Prompt


class Upscale(Enlargement):
    """How much larger; the vendor names no default, so one is always sent."""

    scale: Scale124 = 2


class Enhance(Enlargement):
    """The same with the size left alone."""

    scale: Scale124 = 1


class EnhanceVideo(Plain):
    """How many seconds of the video."""

    dst_duration: Positive | None = None


class ChangeBackground(Plain):
    """A background from words, or from a template."""

    type: Literal["prompt", "template"] | None = None
    prompt: Prompt | None = None
    template_id: Id | None = None


class BlurBackground(Plain):
    """How strongly, 0 to 100."""

    intensity: Annotated[int, Field(ge=0, le=100)] | None = None


class ReplaceObjects(Plain):
    """What to put where the mask is white."""

    prompt: Prompt | None = None


class FaceMapping(StrictParams):
    """Which of the new faces goes to which place; -1 leaves one out."""

    index: Annotated[int, Field(ge=-1)]
    position: Annotated[int, Field(ge=-1)]


class SwapFaces(Plain):
    """Who becomes whom."""

    face_mapping: Annotated[list[FaceMapping], Field(min_length=1)] | None = None
