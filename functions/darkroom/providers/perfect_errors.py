"""What Perfect's refusals and its engine's error codes mean, as two tables.

The engine's codes are those of the vendor's document (Perfect AI API 2.0, "Error Codes") and,
further down, those that its later API has added. A failed job is never charged over there.
"""

from collections.abc import Mapping
from typing import Final

from darkroom.errors import DarkroomError, ProviderRefused
from darkroom.providers import reading
from darkroom.providers.protocol import Answer
from darkroom.work import JobFailed

LABEL = "Perfect Corp"

# Code -> our stable code, and a sentence after "Perfect Corp ".
ENGINE: Final[Mapping[str, tuple[str, str]]] = {
    "exceed_max_filesize": ("input-too-large", "found a file too large; make it smaller."),
    "invalid_parameter": ("bad-params", "does not accept one of the parameters; check the spec."),
    "error_download_image": ("input-not-fetched", "lost the photo on its way; try it again."),
    "error_download_mask": ("input-not-fetched", "lost the mask on its way; try it again."),
    "error_decode_image": (
        "image-unreadable",
        "could not read the photo; save it as a plain JPEG or PNG.",
    ),
    "error_decode_mask": (
        "mask-unreadable",
        "could not read the mask; save it as a grey PNG of the photo's size.",
    ),
    "error_nsfw_content_detected": ("content-refused", "does not work on nudity in a photo."),
    "error_no_face": ("no-face", "found no face; use a photo that shows one from the front."),
    "error_pose": (
        "pose-not-found",
        "could not make out how the person stands; use a clearer photo, taken from the front.",
    ),
    "error_face_parsing": (
        "face-unclear",
        "could not make out the parts of the face; use a sharper photo with nothing before it.",
    ),
    "error_inference": ("engine-failed", "failed while working on it; try it again."),
    "exceed_nsfw_retry_limits": (
        "content-refused",
        "kept making pictures that it may not hand out; ask for something else.",
    ),
    "error_upload": ("engine-failed", "made the picture but could not store it; try it again."),
    "error_multiple_people": (
        "several-people",
        "found more than one person; use a photo of one alone.",
    ),
    "error_no_shoulder": ("no-shoulders", "must see the shoulders; use a photo with them in it."),
    "error_large_face_angle": (
        "face-turned",
        "found the face turned too far; use a photo that is taken from the front.",
    ),
    "unknown_internal_error": ("engine-failed", "failed for reasons of its own; try it again."),
    # Added by the later API.
    "error_exceed_max_image_size": (
        "picture-too-large",
        "found more pixels than it takes; make the photo smaller.",
    ),
    "error_below_min_image_size": (
        "picture-too-small",
        "found too few pixels; use a larger photo.",
    ),
    "error_hair_too_short": ("hair-too-short", "found the hair too short for this style."),
    "error_bald_image": ("hair-too-short", "found no hair to work on."),
    "error_face_pose": (
        "face-turned",
        "found the face turned or tilted too far; use a photo that is taken from the front.",
    ),
    "error_insufficient_landmarks": (
        "face-unclear",
        "could not make out enough of the face; use a sharper photo with nothing before it.",
    ),
    "error_unsupport_ratio": (
        "wrong-proportions",
        "does not take a photo of this width to height; crop it.",
    ),
    "error_download_video": ("input-not-fetched", "lost the video on its way; try it again."),
    "error_decode_video": ("video-unreadable", "could not read the video; save it as H.264 MP4."),
    "error_unsupported_video": (
        "wrong-format",
        "does not take a video of this kind; save it as H.264 MP4.",
    ),
    "size_mismatch_on_input_image_and_mask": (
        "sizes-differ",
        "wants photo and mask of the same width and height.",
    ),
}

# What the later API says of the photo (`error_src_...`) and of the reference (`error_ref_...`).
_OF_A_FACE: Final[Mapping[str, tuple[str, str]]] = {
    "no_face": ("no-face", "found no face in the {which}; use one taken from the front."),
    "face_too_small": ("face-too-small", "found the face in the {which} too small; come closer."),
    "large_face_angle": (
        "face-turned",
        "found the face in the {which} turned too far; use one taken from the front.",
    ),
    "eye_closed": ("eyes-closed", "found closed eyes in the {which}; use one with open eyes."),
    "eye_occluded": ("face-covered", "found an eye covered in the {which}; use another."),
    "lip_occluded": ("face-covered", "found the lips covered in the {which}; use another."),
}
_WHICH: Final = {"error_src_": "photo", "error_ref_": "reference photo"}

# Families of codes whose members the vendor does not list.
_FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "error_face_position_": (
        "face-misplaced",
        "found the face too near the edge, or too small or large; use one with it in the middle.",
    ),
    "error_face_angle_": (
        "face-turned",
        "found the face turned or tilted too far; use a photo that is taken from the front.",
    ),
}

# `error_code` of a 4xx answer -> our stable code, sentence, next step; others go by their status.
_REFUSALS: Final[Mapping[str, tuple[str, str, str]]] = {
    "CreditInsufficiency": (
        "no-credits",
        "The account at Perfect Corp has too few units for this.",
        "Add units at Perfect Corp, then run `darkroom retry` for the task.",
    ),
    "InvalidStyle": (
        "unknown-style",
        "Perfect Corp does not know this style.",
        "List the styles with `darkroom styles perfect <operation>`, then correct the spec.",
    ),
    "InvalidStyleGroup": (
        "unknown-style",
        "Perfect Corp does not know this group of styles.",
        "List the styles with `darkroom styles perfect <operation>`, then correct the spec.",
    ),
}


def failure_of(code: object, message: object) -> JobFailed:
    """An engine's error as the end of a job that was not charged.

    Args:
        code: the status answer's `error`.
        message: its `error_message`, which newer answers have; quoted only for unknown codes.
    """
    known = _meaning(code) if isinstance(code, str) else None
    if known is None:
        return reading.job_failed(LABEL, message or code, "no")
    ours, words = known
    return JobFailed(ours, f"{LABEL} {words}", "no")


def refusal_of(answer: Answer) -> DarkroomError:
    """An answer that is not 2xx as an error, by status and `error_code`."""
    if 400 <= answer.status < 500:  # noqa: PLR2004 - the client's errors: nothing was accepted
        code = code_of(answer)
        if code in _REFUSALS:
            return ProviderRefused(*_REFUSALS[code])
    said = reading.quotable(reading.complaint_of(answer).get("error"))
    return reading.refusal(LABEL, answer.status, said, answer.retry_after_s())


def code_of(answer: Answer) -> str:
    """The refusal's `error_code`, or "" where it has none."""
    code = reading.complaint_of(answer).get("error_code")
    return code if isinstance(code, str) else ""


def _meaning(code: str) -> tuple[str, str] | None:
    if code in ENGINE:
        return ENGINE[code]
    for prefix, which in _WHICH.items():
        if (found := _OF_A_FACE.get(code.removeprefix(prefix))) and code.startswith(prefix):
            return found[0], found[1].format(which=which)
    return next((means for start, means in _FAMILIES.items() if code.startswith(start)), None)
