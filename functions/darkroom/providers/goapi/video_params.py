"""The portable parameters of GoAPI's operations on video and sound, and their names in its tasks.

`duration` is in whole seconds everywhere. Names and ranges are those of catalogue.json.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from darkroom.providers.goapi.image_params import Portable, Ratio, Text
from darkroom.providers.params import Fraction01, Positive


class _Video(Portable):
    """A video of a picture, or of words alone."""

    prompt: Text | None = None
    aspect_ratio: Ratio | None = None
    duration: Positive | None = None


class Kling(_Video):
    """Kling."""

    negative_prompt: str | None = None
    mode: Literal["std", "pro"] | None = None
    version: Text | None = None
    cfg_scale: Fraction01 | None = None
    enable_audio: bool | None = None


class KlingOfText(Kling):
    """Kling without a picture."""

    prompt: Text


class Hailuo(Portable):
    """Hailuo; `version` is its own model."""

    prompt: Text | None = None
    duration: Literal[6, 10] | None = None
    resolution: Literal[768, 1080] | None = None
    expand_prompt: bool | None = None
    version: Text | None = Field(default=None, serialization_alias="model")


class HailuoOfText(Hailuo):
    """Hailuo without a picture."""

    prompt: Text


class Luma(_Video):
    """Dream Machine."""

    loop: bool | None = None


class LumaOfText(Luma):
    """Dream Machine without a picture."""

    prompt: Text


class Veo(_Video):
    """Veo 3.1."""

    prompt: Text
    negative_prompt: str | None = None
    resolution: Text | None = None
    generate_audio: bool | None = None

    def to_provider(self) -> dict[str, Any]:
        """The seconds as the vendor writes them: `8s`."""
        params = super().to_provider()
        if "duration" in params:
            params["duration"] = f"{params['duration']}s"
        return params


class Sora(_Video):
    """Sora 2."""

    prompt: Text


class Seedance(_Video):
    """Seedance 2."""

    prompt: Annotated[str, Field(min_length=1, max_length=4000)]
    duration: Annotated[int, Field(ge=4, le=15)] | None = None
    resolution: Literal["480p", "720p", "1080p"] | None = None


class Wan(_Video):
    """Wan 2.6."""

    prompt: Text
    negative_prompt: str | None = None
    resolution: Text | None = None
    audio: bool | None = None
    seed: int | None = None
    shot_type: Text | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None


class AnimateWan(Portable):
    """Wan 2.6 from a picture, whose shape it keeps."""

    prompt: Text | None = None
    duration: Positive | None = None
    resolution: Text | None = None
    audio: bool | None = None
    seed: int | None = None
    shot_type: Text | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None


class UpscaleVideo(Portable):
    """How much larger; the vendor names no range."""

    scale: Annotated[float, Field(gt=1)] | None = None


class RemoveVideoBackground(Portable):
    """The other way round, the background stays."""

    invert_output: bool | None = None


class AceStep(Portable):
    """`prompt` is the style; without lyrics the piece is instrumental."""

    prompt: Text = Field(serialization_alias="style_prompt")
    lyrics: Text = "[inst]"
    negative_prompt: str | None = None
    duration: Positive | None = None


class Udio(Portable):
    """`lyrics_type` says who writes the words; with `lyrics` it is the spec."""

    prompt: Text = Field(serialization_alias="gpt_description_prompt")
    lyrics: Text | None = None
    lyrics_type: Literal["generate", "user", "instrumental"] | None = None
    negative_tags: Text | None = None
    seed: int | None = None

    def to_provider(self) -> dict[str, Any]:
        """Words in the spec are the user's."""
        params = super().to_provider()
        params.setdefault("lyrics_type", "user" if "lyrics" in params else "generate")
        return params


class DiffRhythm(Portable):
    """`prompt` is the style; a line of lyrics begins with its time: `[00:10.00] ...`."""

    prompt: Text = Field(serialization_alias="style_prompt")
    lyrics: Text | None = None


class Speak(Portable):
    """What to say; `ref_text` is what the voice's recording says."""

    text: Text = Field(serialization_alias="gen_text")
    ref_text: Text | None = None
    speed: float | None = None
    remove_silence: bool | None = None


class AddSound(Portable):
    """What is to be heard."""

    prompt: Text | None = None
    negative_prompt: str | None = None
    steps: Annotated[int, Field(ge=20, le=50)] | None = None
    seed: int | None = None


class LipSync(Portable):
    """Words to be spoken, where no recording is given."""

    text: Text | None = Field(default=None, serialization_alias="tts_text")
    tts_timbre: Text | None = None
    tts_speed: float | None = None
