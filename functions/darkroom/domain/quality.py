"""What can be said of a result by its pixels alone: a few figures, and warnings.

A warning changes nothing: the task has succeeded, and its result is delivered. Pure; the pixels are
measured elsewhere (`ports.Pictures`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

Profile = Literal["none", "srgb", "other"]

CUT_OUTS: Final = frozenset({"remove-background"})
"""Their results are the subject on a transparent background."""
ENLARGEMENTS: Final = frozenset({"upscale"})
"""Their results are the source with more pixels."""
SUBTLE_EDITS: Final = frozenset(
    {"correct-color", "enhance", "relight", "restore", "retouch-skin", "enhance-art"}
)
"""They may change little; only a result that is the same pixel by pixel is suspicious."""
EDITS: Final = SUBTLE_EDITS | {
    "blur-background",
    "cartoon",
    "change-background",
    "colorize",
    "edit",
    "face-swap",
    "hair-bangs",
    "hair-extension",
    "hair-volume",
    "hairstyle",
    "inpaint",
    "makeup-transfer",
    "remove-objects",
    "remove-text",
    "remove-watermark",
    "remove-wires",
    "replace-objects",
    "wig",
}
"""Their results show the source, changed."""
SERIES: Final = frozenset({"aging"})
"""Edits whose results may include the source as it is."""
EXTENSIONS: Final = frozenset({"outpaint"})
"""Their results are the source with more around it."""
_FROM_SOURCE: Final = CUT_OUTS | ENLARGEMENTS | EDITS | SERIES | EXTENSIONS
_NEW_BACKGROUND: Final = frozenset({"blur-background", "cartoon", "change-background", "outpaint"})
"""They fill what is transparent in the source."""
_MAY_FIND_NOTHING: Final = frozenset({"detect-objects", "detect-text", "detect-wires"})
"""Their results are masks; one without a selection is an answer."""
_OPAQUE_FORMATS: Final = frozenset({"jpg", "jpeg"})

_FEW: Final = 0.001
"""Below this share of the pixels there is no foreground; above 1 minus it, no background."""
_SAME_SHARE: Final = 0.0001
_SAME_LEVELS: Final = 2
"""A picture that is saved again changes by this many levels of 255, once it is scaled down."""
_SIZE_TOLERANCE: Final = 0.1
_RATIO_TOLERANCE: Final = 0.03


@dataclass(frozen=True)
class Look:
    """What one picture shows.

    Attributes:
        width: pixels, as displayed.
        height: pixels, as displayed.
        animated: whether it has more than one frame.
        transparent: whether its format has an alpha channel, or a transparent colour, here.
        visible_share: the share of pixels that are opaque, or nearly; 1 without transparency.
        flat: whether all of it has one colour.
        black: whether every colour of every pixel is 0, whatever its alpha.
        profile: its colour profile; `other` for one of a colour picture that is not sRGB.
    """

    width: int
    height: int
    animated: bool = False
    transparent: bool = False
    visible_share: float = 1.0
    flat: bool = False
    black: bool = False
    profile: Profile = "none"


@dataclass(frozen=True)
class Measured:
    """A result, and its source if that was read.

    Attributes:
        changed_share: the share of pixels that differ visibly from the source; None where the two
            cannot be compared: one is missing, or their proportions differ.
        largest_change: the largest difference of any pixel, 0 to 255; None like `changed_share`.
        converted: whether the result's colours are those that the source's profile stands for,
            not the source's numbers without their profile; None where it is not known.
    """

    result: Look
    source: Look | None = None
    changed_share: float | None = None
    largest_change: int | None = None
    converted: bool | None = None


@dataclass(frozen=True)
class Quality:
    """The figures of one result that mean something for its operation; None for the others.

    Attributes:
        flat: whether all of it has one colour.
        foreground_share: of a cut-out, the share of pixels that are left.
        changed_share: of an edit, the share of pixels that differ visibly from the source.
        size_ratio: its size to the source's: the square root of the ratio of their pixels.
        missing: why there are no figures, or not all of them; "" where nothing is missing.
        warnings: codes, keys of `WARNINGS`.
    """

    flat: bool | None = None
    foreground_share: float | None = None
    changed_share: float | None = None
    size_ratio: float | None = None
    missing: str = ""
    warnings: tuple[str, ...] = ()

    def with_missing(self, why: str) -> "Quality":
        """The same, of which something is missing."""
        return replace(self, missing=why)

    def as_dict(self) -> dict[str, Any]:
        """The figures for the manifest, without those that are None."""
        figures = {
            "flat": self.flat,
            "foreground_share": self.foreground_share,
            "changed_share": self.changed_share,
            "size_ratio": self.size_ratio,
            "missing": self.missing or None,
            "warnings": list(self.warnings) or None,
        }
        return {name: value for name, value in figures.items() if value is not None}

    @classmethod
    def from_dict(cls, figures: Mapping[str, Any]) -> "Quality":
        """The inverse of `as_dict`."""
        return cls(**{**figures, "warnings": tuple(figures.get("warnings", ()))})


@dataclass(frozen=True)
class ResultWarning:
    """What may be wrong with a result, and what to do; the sentence follows the result's name."""

    sentence: str
    next_step: str


WARNINGS: Final[Mapping[str, ResultWarning]] = {
    "flat-result": ResultWarning(
        "has one single colour.",
        "Look at the source: if it shows a picture, run it again or name another provider.",
    ),
    "lost-transparency": ResultWarning(
        "has no transparency, though it should.",
        "Ask for a format that has it (`params.format`: `png` or `webp`), or name another model "
        "or provider.",
    ),
    "first-frame-only": ResultWarning(
        "is one still picture, and the source is an animation: only one frame was used.",
        "Send a still picture, or use an operation for videos.",
    ),
    "profile-dropped": ResultWarning(
        "has no colour profile, and the source has one that is not sRGB: its colours may look "
        "wrong.",
        "Convert the source to sRGB, and upload it again.",
    ),
    "nothing-changed": ResultWarning(
        "looks the same as the source.",
        "Look at the mask or the prompt, then change the spec, or name another provider.",
    ),
    "no-foreground": ResultWarning(
        "is transparent everywhere: nothing of the source is left.",
        "Use a picture whose subject stands out more, or name another provider.",
    ),
    "all-foreground": ResultWarning(
        "has no transparent pixel: no background was removed.",
        "Use a picture whose subject stands out more, or name another provider.",
    ),
    "unexpected-size": ResultWarning(
        "does not have the size that was asked for.",
        "Compare `params.scale` with the limits of the provider, or name another one.",
    ),
}
"""Code -> what is said of a result. Codes are stored; their words may change."""


def needs_source(operation: str) -> bool:
    """Whether figures or warnings of the operation depend on its source."""
    return operation in _FROM_SOURCE


def judge(operation: str, params: Mapping[str, Any], measured: Measured) -> Quality:
    """The figures and warnings of a result.

    Args:
        operation: of the spec.
        params: as written in the spec.
        measured: the result, and its source if `needs_source`.
    """
    result, source = measured.result, measured.source
    if not needs_source(operation):
        source = None
    compared = measured.changed_share if operation in EDITS | SERIES else None
    cut_out = operation in CUT_OUTS and result.transparent
    return Quality(
        flat=result.flat,
        foreground_share=_rounded(result.visible_share) if cut_out else None,
        changed_share=_rounded(compared),
        size_ratio=_rounded(_size_ratio(result, source)) if source else None,
        warnings=tuple(
            code
            for code, applies in (
                ("flat-result", _is_flat(operation, measured)),
                ("lost-transparency", _lost_transparency(operation, params, result, source)),
                ("first-frame-only", bool(source and source.animated and not result.animated)),
                ("profile-dropped", _dropped_profile(measured, source)),
                ("nothing-changed", _is_unchanged(operation, measured)),
                ("no-foreground", cut_out and result.visible_share < _FEW),
                ("all-foreground", cut_out and result.visible_share > 1 - _FEW),
                ("unexpected-size", _has_wrong_size(operation, params, result, source)),
            )
            if applies
        ),
    )


def _is_flat(operation: str, measured: Measured) -> bool:
    """An empty cut-out has a warning of its own, and a source of one colour explains the result."""
    if operation in CUT_OUTS and measured.result.transparent:
        return False
    explained = measured.source is not None and measured.source.flat
    return measured.result.flat and not explained and operation not in _MAY_FIND_NOTHING


def _lost_transparency(
    operation: str, params: Mapping[str, Any], result: Look, source: Look | None
) -> bool:
    if result.transparent or params.get("format") in _OPAQUE_FORMATS:
        return False
    if operation in CUT_OUTS:
        # With another type there is a picture behind the subject.
        return bool(params.get("background_type", "rgba") == "rgba")
    was = source is not None and source.transparent and source.visible_share < 1 - _FEW
    return was and operation not in _NEW_BACKGROUND


def _dropped_profile(measured: Measured, source: Look | None) -> bool:
    if source is None or measured.converted is True:
        return False
    return (source.profile, measured.result.profile) == ("other", "none")


def _is_unchanged(operation: str, measured: Measured) -> bool:
    if measured.changed_share is None or measured.largest_change is None:
        return False
    if operation in SUBTLE_EDITS:
        return measured.largest_change == 0
    same = measured.largest_change <= _SAME_LEVELS or measured.changed_share < _SAME_SHARE
    return operation in EDITS and same


def _has_wrong_size(
    operation: str, params: Mapping[str, Any], result: Look, source: Look | None
) -> bool:
    if source is None or operation not in ENLARGEMENTS:
        return False
    asked = params.get("scale", 2)
    if not isinstance(asked, int | float):
        return False
    ratio = result.width / result.height / (source.width / source.height)
    # A small picture's sides are whole pixels.
    slack = _RATIO_TOLERANCE + 1 / min(source.width, source.height)
    wrong_shape = abs(ratio - 1) > slack
    return wrong_shape or abs(_size_ratio(result, source) / asked - 1) > _SIZE_TOLERANCE


def _size_ratio(result: Look, source: Look) -> float:
    return math.sqrt(result.width * result.height / (source.width * source.height))


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)
