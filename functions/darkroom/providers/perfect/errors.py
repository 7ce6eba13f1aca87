"""The meaning of Perfect's error responses and of its engine's error codes, and its envelope.

The engine's codes are those of the vendor's document (Perfect AI API 2.0, "Error Codes") and,
further down, those that its later API has added. The vendor never charges for a failed job.
"""

from collections.abc import Mapping
from typing import Any, Final

from darkroom.domain.errors import DarkroomError
from darkroom.domain.provider_jobs import JobFailed
from darkroom.providers import http_statuses, json_fields
from darkroom.providers.adapter import Response
from darkroom.providers.http_statuses import Meaning

LABEL = "Perfect Corp"

# Code -> our stable code, and a sentence after "Perfect Corp ".
ENGINE_ERRORS: Final[Mapping[str, tuple[str, str]]] = {
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
    # "NSFW content detected in source image"
    "error_nsfw_content_detected": (
        "content-refused",
        "found nudity in the source photo, and does not work on it; use another.",
    ),
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

# Codes of the later API about the photo (`error_src_...`) and the reference (`error_ref_...`).
_FACE_ERRORS: Final[Mapping[str, tuple[str, str]]] = {
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
_FACE_PHOTOS: Final = {"error_src_": "photo", "error_ref_": "reference photo"}

# Prefixes of codes that the vendor does not list one by one.
_ERROR_PREFIXES: Final[Mapping[str, tuple[str, str]]] = {
    "error_face_position_": (
        "face-misplaced",
        "found the face too near the edge, or too small or large; use one with it in the middle.",
    ),
    "error_face_angle_": (
        "face-turned",
        "found the face turned or tilted too far; use a photo that is taken from the front.",
    ),
}

_LATER_API: Final = "the vendor's later OpenAPI files"
_STYLES: Final = (
    "List the styles with `darkroom styles perfect <operation>`, then correct the spec."
)


def _like_status(status: int, source: str) -> Meaning:
    """A code with the same meaning as a status."""
    meaning = http_statuses.meaning_of(status)
    return Meaning(meaning.verdict, source, meaning.code, meaning.sentence, meaning.next_step)


# `error_code` of a client's error (4xx), in lower case; without one, or with an unknown one, the
# status decides. A server's error (5xx) is unclear whatever its code is, `TaskTimeout` included.
ERROR_CODES: Final[Mapping[str, Meaning]] = {
    "creditinsufficiency": Meaning(
        "blocked",
        _LATER_API,
        "no-credits",
        "The account at {provider} has too few units for this.",
        "Add units at {provider}; the task goes on by itself.",
    ),
    "invalidstyle": Meaning(
        "refused", _LATER_API, "unknown-style", "{provider} does not know this style.", _STYLES
    ),
    "invalidstylegroup": Meaning(
        "refused",
        _LATER_API,
        "unknown-style",
        "{provider} does not know this group of styles.",
        _STYLES,
    ),
    "invalidaccesstoken": _like_status(401, _LATER_API),
    "invalidapikey": _like_status(401, "seen by a client of the vendor"),
    "inactiveapikey": _like_status(401, _LATER_API),
    "expiredapikey": _like_status(401, _LATER_API),
    "invalidparameters": _like_status(400, _LATER_API),
    "badrequest": _like_status(400, _LATER_API),
    "operationnotsupport": _like_status(400, "a third party's notes on the vendor's pages"),
    "operationinvalid": _like_status(400, "a third party's notes on the vendor's pages"),
}
_LOST: Final = "invalidtaskid"
_MAX_CODE: Final = 100


def read_failure(code: object, message: object) -> JobFailed:
    """An engine's error as the end of a job that was not charged.

    Args:
        code: the `error` of the poll's response.
        message: its `error_message`, in newer responses; quoted only for unknown codes.
    """
    known = _find_row(_normalize(code))
    if known is None:
        return json_fields.job_failed(LABEL, message or code, "no")
    ours, words = known
    return JobFailed(ours, f"{LABEL} {words}", "no")


def read_result(response: Response) -> Mapping[str, Any]:
    """The `result` of a 2xx response.

    The envelope's own `status` repeats HTTP's in every example. In a response without a result, a
    client's error there (400 to 499, also as a text) counts; any other value is ignored, and the
    missing result is unclear.
    """
    body = json_fields.as_object(response.json())
    status = json_fields.number_or_none(body.get("status"))
    if status is not None and 400 <= status < 500 and not body.get("result"):  # noqa: PLR2004
        raise error_for(response, int(status))
    return json_fields.as_object(body.get("result"))


def error_for(response: Response, status: int | None = None) -> DarkroomError:
    """The error of a response: by its status, and by the code of a client's error."""
    status = response.status if status is None else status
    meaning = http_statuses.meaning_of(status)
    if 400 <= status < 500:  # noqa: PLR2004 - the client's errors
        meaning = ERROR_CODES.get(read_error_code(response), meaning)
    quote = json_fields.quotable(json_fields.error_body(response).get("error"))
    return http_statuses.error_for(
        LABEL, meaning, status=status, quote=quote, retry_after_s=response.retry_after_s()
    )


def is_lost(response: Response) -> bool:
    """Whether the response says that the task does not (or no longer) exist."""
    if read_error_code(response) != _LOST:
        return False
    body = json_fields.error_body(response)
    refused = json_fields.number_or_none(body.get("status")) == 400 and not body.get("result")  # noqa: PLR2004
    return response.status == 400 or (response.ok and refused)  # noqa: PLR2004 - as documented


def read_error_code(response: Response) -> str:
    """The `error_code` of an error response, in lower case; "" if there is none."""
    return _normalize(json_fields.error_body(response).get("error_code"))


def _normalize(code: object) -> str:
    return code[:_MAX_CODE].strip().casefold() if isinstance(code, str) else ""


def _find_row(code: str) -> tuple[str, str] | None:
    if code in ENGINE_ERRORS:
        return ENGINE_ERRORS[code]
    for prefix, which in _FACE_PHOTOS.items():
        if (found := _FACE_ERRORS.get(code.removeprefix(prefix))) and code.startswith(prefix):
            return found[0], found[1].format(which=which)
    return next((row for prefix, row in _ERROR_PREFIXES.items() if code.startswith(prefix)), None)
