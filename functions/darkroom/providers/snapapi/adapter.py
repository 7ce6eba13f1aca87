"""SnapAPI: one multipart call per operation, nearly all answered at once; two become tasks.

Facts are those of the vendor's reference (SnapAPI, "AI Image Processing API", v1.0.0, /en/docs)
and, where said, of its later pages (docs.snapedit.app). Pure: no network, no clock.
"""

import base64
import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import AccountBlocked, DarkroomError, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.providers import http_statuses, result_forms, untrusted_json
from darkroom.providers.adapter import Adapter, Answer, FilePart, InputFiles, Request
from darkroom.providers.job_words import Words, standing_of
from darkroom.providers.params import form_value
from darkroom.providers.snapapi.params import HEADSHOT_MARK
from darkroom.providers.snapapi.routes import ENDPOINTS, NAME, Endpoint

_CALLS: Final = {(route.operation, route.model): endpoint for route, endpoint in ENDPOINTS}

# The reference names CREATED, PROCESSING, COMPLETED and FAILED; the vendor's clients know two more.
_WORDS: Final[Words] = {
    "created": "pending",
    "pending": "pending",
    "processing": "pending",
    "completed": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}

# Where a picture is: `data` by the reference, `output_image_url` of a background's removal,
# `download_url` in later pages, the others under the vendor's older names.
_PLACES: Final = (
    *("data", "output_image_url", "download_url", "url", "image_url"),
    *("output_images", "output", "edited_image", "image", "image_base64", "result"),
)

_MAX_ID_LENGTH: Final = 200


class SnapApi(Adapter):
    """The adapter. An answer without what it promised is `Unclear`: the call may be paid."""

    name = NAME
    label = "SnapAPI"
    base_urls = ("https://api.snapapi.ai",)
    rules = Rules(Rate(60, 60))  # "60 requests per minute" per key
    tariff = Tariff(0.0005, "2026-11-21", "docs.snapedit.app/llms-full.txt, Pricing")
    routes: Sequence[Route] = tuple(route for route, _ in ENDPOINTS)
    credential_names: tuple[str, ...] = ("api_key",)

    def authorize(
        self,
        credentials: Mapping[str, str],
        now_ms: int,  # noqa: ARG002 - a key is the same at any time
    ) -> Generator[Request, Answer, Mapping[str, str]]:
        """The key's own header."""
        yield from ()
        return {"api-key": credentials["api_key"]}

    def prepare(
        self,
        work: JobRequest,
        files: InputFiles,  # noqa: ARG002 - the driver has checked them
    ) -> Generator[Request, Answer, Request]:
        """Nothing to prepare: the paid call carries the files."""
        yield from ()
        return _build(work)

    def read_submit(self, work: JobRequest, answer: Answer) -> Accepted | Finished:
        """The result's URL, detections, or the task that was made."""
        body = untrusted_json.as_object(answer.json())
        _refuse_by_code(self, answer, body)
        match _CALLS[work.route.operation, work.route.model].reads:
            case "image" | "task":
                # The answer says which of the two it is, whatever the call was meant to be.
                if found := _images(body):
                    return Finished(found, facts=_facts(body))
                return Accepted(untrusted_json.as_id(body.get("task_id")))
            case "objects":
                return _read_objects(body)
            case "mask":
                return _read_mask(body)

    def poll(
        self,
        route: Route,
        job_id: str,
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """How the task stands. A task that the provider does not know is lost."""
        answer = yield Request("GET", _task_path(job_id))
        if answer.status == 404:  # noqa: PLR2004 - documented as: task not found
            return JobFailed("job-lost", f"{self.label} no longer knows the job.", "unknown")
        if not answer.ok:
            raise self.refuse(answer)
        body = untrusted_json.as_object(answer.json())
        standing = standing_of(body.get("status"), _WORDS)
        match standing.state:
            case "pending":
                return Pending(untrusted_json.progress_of(body.get("progress")), note=standing.note)
            case "finished":
                return Finished(result_forms.need(_images(body)))
            case "failed" | "cancelled":
                return _failed(self.label, route, standing.state, body)

    def cancel(self, route: Route, job_id: str) -> Request | None:
        """Only tasks can be cancelled; the vendor promises it for pending ones."""
        return Request("DELETE", _task_path(job_id)) if route.asynchronous else None

    def refuse(self, answer: Answer) -> DarkroomError:
        """By status. A 429 stands for the pace, with `retry-after`, or for the purse, without."""
        return self.refuse_as(answer, answer.status)

    def refuse_as(self, answer: Answer, status: int) -> DarkroomError:
        """The same by another status than HTTP's."""
        if status == 429 and "retry-after" not in answer.headers:  # noqa: PLR2004
            return AccountBlocked(
                "no-credits",
                f"The account at {self.label} has no credits left.",
                f"Add credits at {self.label}; the task goes on by itself.",
            )
        return http_statuses.refusal(self.label, status, _message(answer), answer.retry_after_s())


def _refuse_by_code(adapter: SnapApi, answer: Answer, body: Mapping[str, Any]) -> None:
    """Raise what a refusal in a 2xx answer means, by its `code`.

    The code is HTTP's status in every example of the vendor's; here HTTP has said yes, so only a
    client's error counts, and only where no result stands beside it. A code that is a text is
    read as the number; one that is missing, or no status, leaves HTTP its word.
    """
    error = body.get("error")
    code = untrusted_json.number_of(error.get("code")) if isinstance(error, dict) else None
    if code is None or not 400 <= code < 500:  # noqa: PLR2004 - the client's errors
        return
    if not body.keys() & {*_PLACES, "task_id", "detected", "detected_objects", "mask"}:
        raise adapter.refuse_as(answer, int(code))


def _build(work: JobRequest) -> Request:
    endpoint = _CALLS[work.route.operation, work.route.model]
    form = {name: form_value(value) for name, value in work.params.sent().items()}
    form |= endpoint.fixed
    if work.route.operation == "headshot" and HEADSHOT_MARK not in form["prompt"]:
        form["prompt"] = f"{HEADSHOT_MARK} {form['prompt']}"
    files = tuple(_files(endpoint, work, form))
    if work.route.operation == "try-on" and "cloth_type" not in form:
        sent = form.keys() | {part.field for part in files}
        both = not sent.isdisjoint({"lower_cloth_image", "lower_cloth_image_id"})
        form["cloth_type"] = "full" if both else "upper"
    return Request("POST", endpoint.path, form=form, files=files)


def _files(
    endpoint: Endpoint, work: JobRequest, form: Mapping[str, str]
) -> Generator[FilePart, None, None]:
    for role, fields in endpoint.fields.items():
        if endpoint.instead.get(role) in form:
            continue
        for name, file in zip(fields, work.inputs.get(role, ()), strict=False):
            yield FilePart(name, file)


def _task_path(job_id: str) -> str:
    return f"/v1/tasks/{quote(job_id, safe='')}"


def _images(body: Mapping[str, Any]) -> tuple[ResultRef, ...]:
    """The pictures at the first place that has any; none where there are none."""
    found = (
        result_forms.refs_of(body.get(place), "image", encoded=result_forms.is_encoded(place))
        for place in _PLACES
    )
    return next(filter(None, found), ())


def _facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Ids that later requests may name, and the foreground's box."""
    facts: dict[str, Any] = {
        name: value
        for name in ("session_id", "image_id")
        if isinstance(value := body.get(name), str | int) and len(str(value)) <= _MAX_ID_LENGTH
    }
    box = body.get("box")
    # Two corners.
    if isinstance(box, list) and len(box) == 4 and all(isinstance(at, int | float) for at in box):  # noqa: PLR2004
        facts["box"] = box
    return facts


def _read_objects(body: Mapping[str, Any]) -> Finished:
    masks: list[ResultRef] = []
    found = []
    for item in untrusted_json.as_list(body.get("detected_objects")):
        detected = dict(untrusted_json.as_object(item))
        mask = detected.pop("mask", None)
        # The reference says `bbox`, the vendor's later pages and its clients say `box`.
        if not isinstance(detected.get("bbox", detected.get("box")), list):
            raise untrusted_json.unreadable()
        if mask is not None:
            masks += _mask(mask)
        found.append(detected)
    facts = _facts(body)
    return Finished((_data({**facts, "detected_objects": found}), *masks), facts=facts)


def _read_mask(body: Mapping[str, Any]) -> Finished:
    mask = body.get("mask")
    # A mask tells it by itself.
    detected = untrusted_json.flag_of(body.get("detected", None if mask is None else True))
    if detected is None:
        raise untrusted_json.unreadable()
    if mask is None and detected:
        raise Unclear("unreadable-answer", "The provider found something but sent no mask.")
    masks = () if mask is None else _mask(mask)
    return Finished((_data({"detected": detected}), *masks), facts={"detected": detected})


def _mask(mask: object) -> tuple[ResultRef, ...]:
    """A mask, which is base64 by the reference; an address would do, too."""
    return result_forms.need(result_forms.refs_of(mask, "image", encoded=True))


def _data(value: Mapping[str, Any]) -> ResultRef:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return ResultRef("json", data=base64.b64encode(text.encode()).decode())


def _failed(label: str, route: Route, state: str, body: Mapping[str, Any]) -> JobFailed:
    if state == "cancelled":
        return JobFailed("job-cancelled", f"The job was cancelled at {label}.", "unknown")
    return untrusted_json.job_failed(label, body.get("error_msg"), route.charged_on_failure)


def _message(answer: Answer) -> str:
    """The provider's own words: `error.message`, or the places older answers put them."""
    body = untrusted_json.complaint_of(answer)
    places = (body.get("error"), body.get("message"), body.get("detail"))
    return next(filter(None, map(untrusted_json.quotable, places)), "")
