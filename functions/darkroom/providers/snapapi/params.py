"""SnapAPI's parameters, one model per endpoint (or per mode of an endpoint).

Types, ranges and choices are those of the vendor's reference (SnapAPI, "AI Image Processing API",
v1.0.0, /en/docs). A prompt is required unless the reference says that it may be empty: a paid call
without one would only make a random image.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from darkroom.providers.params import Fraction01, Positive, Scale24, StrictParams

Prompt = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
AspectRatio = Literal["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16"]
EraseMode = Literal["normal", "super", "ultra"]

HEADSHOT_MARK = "[FACE CROP]"
"""The headshot mode needs this in its prompt."""


class Nothing(StrictParams):
    """An endpoint that takes the picture alone."""


class DetectObjects(StrictParams):
    """`lang` is the language of the objects' names, such as `en` or `vi`."""

    lang: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None


class RemoveObjects(StrictParams):
    """`mask_objects` are items of a detection's `detected_objects`."""

    mask_objects: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    original_session_id: Name | None = None
    erase_mode: EraseMode | None = None


class RemoveText(StrictParams):
    """How hard to erase."""

    erase_mode: EraseMode | None = None


class RemoveWatermark(StrictParams):
    """3.0 suits most pictures, 2.0 suits emoji."""

    predict_mode: Literal["2.0", "3.0"] | None = None


class Enhance(StrictParams):
    """`face_model_ids` is a comma-separated choice of 0, 1 and 2."""

    # The vendor names no default for the factor, so one is always sent.
    scale: Scale24 = Field(default=2, serialization_alias="zoom_factor")
    enhance_faces: bool | None = None
    face_model_ids: Annotated[str, Field(pattern=r"^[0-2](,[0-2]){0,2}$")] | None = None


class EnhanceArt(StrictParams):
    """How much larger."""

    scale: Scale24 = Field(default=2, serialization_alias="zoom_factor")


class GenerateArt(StrictParams):
    """`image_id` names a picture of an earlier request, in place of a file."""

    style: Name | None = None
    image_id: Name | None = None


class Generate(StrictParams):
    """Width to height; the vendor's default is 1:1."""

    prompt: Prompt
    aspect_ratio: AspectRatio | None = None


class _Steered(StrictParams):
    strength: Fraction01 | None = None
    guidance_scale: Annotated[float, Field(ge=0)] | None = None
    inference_steps: Positive | None = None


class Edit(_Steered):
    """A mode of the prompt-driven editor that needs a prompt."""

    prompt: Prompt


class EditFreely(_Steered):
    """A mode of the prompt-driven editor that may run without one."""

    prompt: str | None = None


class EditFlux(Edit):
    """`image_id` names a picture of an earlier request, in place of a file."""

    run_fast: bool | None = None
    image_id: Name | None = None


class TransferMakeup(StrictParams):
    """The vendor's style id."""

    style: Name | None = None


class Hairstyle(StrictParams):
    """`image_id` names a picture of an earlier request, in place of a file."""

    style: Name | None = None
    image_id: Name | None = None


class TryOn(StrictParams):
    """The ids name pictures of earlier requests, in place of files."""

    cloth_type: Literal["upper", "lower", "full"] | None = None
    model_image_id: Name | None = None
    cloth_image_id: Name | None = None
    lower_cloth_image_id: Name | None = None


class SuggestPose(StrictParams):
    """How many people, and of which gender."""

    num_models: Positive | None = None
    gender: Literal["female", "male"] | None = None
