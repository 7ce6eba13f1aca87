"""Figures mean something for their operation, and each warning is raised where it is due."""

from collections.abc import Mapping
from typing import Any

import pytest

from darkroom.domain.quality import WARNINGS, Look, Measured, Quality, judge, needs_source

PHOTO = Look(600, 400)
CUT_OUT = Look(600, 400, transparent=True, visible_share=0.4)


def warnings_of(
    operation: str, measured: Measured, params: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """The codes of the warnings."""
    return judge(operation, params or {}, measured).warnings


@pytest.mark.parametrize(
    ("operation", "result", "source", "code"),
    [
        ("edit", Look(600, 400, flat=True), PHOTO, "flat-result"),
        ("generate", Look(600, 400, flat=True), None, "flat-result"),
        ("upscale", Look(1200, 800), CUT_OUT, "lost-transparency"),
        ("remove-background", PHOTO, PHOTO, "lost-transparency"),
        ("edit", PHOTO, Look(600, 400, animated=True), "first-frame-only"),
        ("edit", PHOTO, Look(600, 400, profile="other"), "profile-dropped"),
        (
            "remove-background",
            Look(600, 400, transparent=True, visible_share=0),
            PHOTO,
            "no-foreground",
        ),
        ("remove-background", Look(600, 400, transparent=True), PHOTO, "all-foreground"),
        ("upscale", PHOTO, PHOTO, "unexpected-size"),
        ("upscale", Look(1200, 1200), PHOTO, "unexpected-size"),
    ],
)
def test_what_is_suspicious_has_a_warning(
    operation: str, result: Look, source: Look | None, code: str
) -> None:
    """One, and no other."""
    assert warnings_of(operation, Measured(result, source)) == (code,)


@pytest.mark.parametrize(
    ("operation", "result", "source", "params"),
    [
        ("edit", PHOTO, PHOTO, {}),
        ("edit", Look(600, 400, flat=True), Look(600, 400, flat=True), {}),
        ("detect-wires", Look(600, 400, flat=True), None, {}),
        ("upscale", Look(1200, 800), CUT_OUT, {"format": "jpg"}),
        ("upscale", Look(2400, 1600), PHOTO, {"scale": 4}),
        ("upscale", Look(1199, 800), PHOTO, {"scale": 2}),
        ("upscale", Look(1200, 800), Look(600, 400, transparent=True), {}),
        ("remove-background", CUT_OUT, PHOTO, {}),
        ("remove-background", PHOTO, PHOTO, {"background_type": "white"}),
        ("change-background", PHOTO, CUT_OUT, {}),
        ("edit", Look(600, 400, animated=True), Look(600, 400, animated=True), {}),
        ("edit", Look(600, 400, profile="other"), Look(600, 400, profile="other"), {}),
        ("edit", PHOTO, Look(600, 400, profile="srgb"), {}),
        ("generate", PHOTO, CUT_OUT, {}),
    ],
)
def test_what_was_asked_for_has_no_warning(
    operation: str, result: Look, source: Look | None, params: dict[str, Any]
) -> None:
    """A flat source, a chosen format, a mask in which nothing was found."""
    assert warnings_of(operation, Measured(result, source), params) == ()


@pytest.mark.parametrize(
    ("operation", "share", "largest", "warned"),
    [
        ("remove-objects", 0.0, 0, True),
        ("remove-objects", 0.0, 2, True),
        ("remove-objects", 0.00005, 90, True),
        ("remove-wires", 0.0005, 90, False),
        ("enhance", 0.0, 0, True),
        ("enhance", 0.0, 1, False),
        ("aging", 0.0, 0, False),
        ("upscale", 0.0, 0, False),
    ],
)
def test_result_that_is_its_source_is_suspicious_by_operation(
    operation: str,
    share: float,
    largest: int,
    warned: bool,  # noqa: FBT001 - of the table
) -> None:
    """An enhancement may change little; one picture of a series may be the source itself."""
    measured = Measured(Look(1200, 800), PHOTO, share, largest)
    assert ("nothing-changed" in warnings_of(operation, measured)) is warned


def test_converted_colours_need_no_profile() -> None:
    """They were converted to sRGB, and look right."""
    source = Look(600, 400, profile="other")
    assert warnings_of("edit", Measured(PHOTO, source, 0.5, 90, converted=True)) == ()
    for unknown in (False, None):
        measured = Measured(PHOTO, source, 0.5, 90, converted=unknown)
        assert warnings_of("edit", measured) == ("profile-dropped",)


def test_each_operation_has_the_figures_that_mean_something() -> None:
    """And no others: a share of changed pixels says nothing of an upscale."""
    measured = Measured(Look(1200, 800, transparent=True, visible_share=0.25), PHOTO, 0.3, 90)
    assert judge("upscale", {}, measured).as_dict() == {"flat": False, "size_ratio": 2.0}
    assert judge("remove-background", {}, measured).as_dict() == {
        "flat": False,
        "foreground_share": 0.25,
        "size_ratio": 2.0,
    }
    assert judge("inpaint", {}, measured).as_dict() == {
        "flat": False,
        "changed_share": 0.3,
        "size_ratio": 2.0,
    }
    assert judge("generate", {}, measured).as_dict() == {"flat": False}


def test_figures_are_read_back_as_they_were_written() -> None:
    """The manifest may be all that is left of a call that died."""
    for quality in (
        Quality(),
        Quality(flat=True, warnings=("flat-result", "unexpected-size")),
        Quality(False, 0.1, 0.2, 0.3, "why", ("no-foreground",)),
    ):
        assert Quality.from_dict(quality.as_dict()) == quality


def test_every_warning_says_what_to_do() -> None:
    """The sentence follows the result's name; the next step is a sentence of its own."""
    for code, warning in WARNINGS.items():
        assert warning.sentence[0].islower(), code
        assert warning.sentence.endswith("."), code
        assert warning.next_step[0].isupper(), code
        assert warning.next_step.endswith("."), code


def test_operation_without_a_source_needs_none() -> None:
    """So nothing is read for it."""
    assert not any(needs_source(name) for name in ("generate", "task", "segment", "make-3d"))
    assert all(needs_source(name) for name in ("upscale", "remove-background", "edit", "outpaint"))
