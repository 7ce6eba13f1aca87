"""SnapAPI: one multipart call per operation; most return the result at once, two create a task.

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
from darkroom.providers import http_statuses, json_fields, result_refs
from darkroom.providers.adapter import Adapter, FilePart, InputFiles, Request, Response
from darkroom.providers.job_status import StatusWords, read_job_status
from darkroom.providers.snapapi.params import HEADSHOT_MARK
from darkroom.providers.snapapi.routes import ENDPOINTS, NAME, Endpoint

_ENDPOINTS: Final = {(route.operation, route.model): endpoint for route, endpoint in ENDPOINTS}

# The reference names CREATED, PROCESSING, COMPLETED and FAILED; the vendor's clients know two more.
_STATUS_WORDS: Final[StatusWords] = {
    "created": "pending",
    "pending": "pending",
    "processing": "pending",
    "completed": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}

# Fields with an image: `data` by the reference, `output_image_url` for a removed background,
# `download_url` in later pages; the others are the vendor's older names.
_RESULT_FIELDS: Final = (
    *("data", "output_image_url", "download_url", "url", "image_url"),
    *("output_images", "output", "edited_image", "image", "image_base64", "result"),
)

_MAX_ID_LENGTH: Final = 200


class SnapApi(Adapter):
    """The adapter. A 2xx response without its result is `Unclear`: the call may be paid."""

    name = NAME
    label = "SnapAPI"
    base_urls = ("https://api.snapapi.ai",)
    rules = Rules(Rate(60, 60))  # "60 requests per minute" per key
    tariff = Tariff(0.0005, "2026-11-21", "docs.snapedit.app/llms-full.txt, Pricing")
    routes: Sequence[Route] = tuple(route for route, _ in ENDPOINTS)
    credential_names: tuple[str, ...] = ("api_key",)
    key_prefix = "sk-snap-"

    def authorize(
        self,
        credentials: Mapping[str, str],
        now_ms: int,  # noqa: ARG002 - the key is not signed
    ) -> Generator[Request, Response, Mapping[str, str]]:
        """The header with the key."""
        yield from ()
        return {"api-key": credentials["api_key"]}

    def prepare(
        self,
        job_request: JobRequest,
        files: InputFiles,  # noqa: ARG002 - the driver has checked them
    ) -> Generator[Request, Response, Request]:
        """No round trips: the paid call carries the files."""
        yield from ()
        return _build(job_request)

    def read_submit(self, job_request: JobRequest, response: Response) -> Accepted | Finished:
        """The result's URL, detections, or the new task."""
        body = json_fields.as_object(response.json())
        _raise_error_code(self, response, body)
        match _ENDPOINTS[job_request.route.operation, job_request.route.model].returns:
            case "image" | "task":
                # The response says which of the two it is, whatever the endpoint is documented to
                # return.
                if found := _images(body):
                    return Finished(found, facts=_facts(body))
                return Accepted(json_fields.as_id(body.get("task_id")))
            case "objects":
                return _read_objects(body)
            case "mask":
                return _read_mask(body)

    def poll(
        self,
        route: Route,
        job_id: str,
    ) -> Generator[Request, Response, Pending | Finished | JobFailed]:
        """The task's status. A task that the provider does not know is lost."""
        response = yield Request("GET", _task_path(job_id))
        if response.status == 404:  # noqa: PLR2004 - documented as: task not found
            return JobFailed("job-lost", f"{self.label} no longer knows the job.", "unknown")
        if not response.ok:
            raise self.read_error(response)
        body = json_fields.as_object(response.json())
        status = read_job_status(body.get("status"), _STATUS_WORDS)
        match status.state:
            case "pending":
                return Pending(json_fields.progress_or_none(body.get("progress")), note=status.note)
            case "finished":
                return Finished(result_refs.require_results(_images(body)))
            case "failed" | "cancelled":
                return _failed(self.label, route, status.state, body)

    def cancel(self, route: Route, job_id: str) -> Request | None:
        """Only tasks can be cancelled; the vendor promises it for pending ones."""
        return Request("DELETE", _task_path(job_id)) if route.asynchronous else None

    def read_error(self, response: Response) -> DarkroomError:
        """By status; a 429 is the rate limit, or a lack of credits (`_lacks_credits`)."""
        return self.read_error_as(response, response.status)

    def read_error_as(self, response: Response, status: int) -> DarkroomError:
        """The same for a status that is not HTTP's."""
        if status == 429 and _lacks_credits(response):  # noqa: PLR2004
            return AccountBlocked(
                "no-credits",
                f"The account at {self.label} has no credits left.",
                f"Add credits at {self.label}; the task goes on by itself.",
            )
        return http_statuses.error_for_status(
            self.label, status, _message(response), response.retry_after_s()
        )


def _lacks_credits(response: Response) -> bool:
    """Whether a 429 means that the account has no credits, and not its rate limit.

    The reference has one row for both: "Rate limit exceeded or insufficient credits". Words that
    name one of them decide, then `retry-after`, then the calls that are left in the window. If it
    is wrong nothing fails: the task waits either way, and is called again.
    """
    words = [_message(response)]
    for_credits = json_fields.contains(words, ("insufficient credit", "insufficient_credit"))
    if for_credits != json_fields.contains(words, ("rate limit", "rate_limit")):
        return for_credits
    left = response.headers.get("x-ratelimit-remaining-requests", "").strip()
    return "retry-after" not in response.headers and left != "0"


def _raise_error_code(adapter: SnapApi, response: Response, body: Mapping[str, Any]) -> None:
    """Raise the error that a 2xx response contains, by its `code`.

    The code is HTTP's status in every example of the vendor. As HTTP has reported success, only a
    client's error counts, and only in a response without a result. A text is read as a number; a
    code that is missing or no status is ignored.
    """
    error = body.get("error")
    code = json_fields.number_or_none(error.get("code")) if isinstance(error, dict) else None
    if code is None or not 400 <= code < 500:  # noqa: PLR2004 - the client's errors
        return
    if not body.keys() & {*_RESULT_FIELDS, "task_id", "detected", "detected_objects", "mask"}:
        raise adapter.read_error_as(response, int(code))


def _build(job_request: JobRequest) -> Request:
    endpoint = _ENDPOINTS[job_request.route.operation, job_request.route.model]
    form = {name: _form_value(value) for name, value in job_request.params.to_provider().items()}
    form |= endpoint.fixed
    if job_request.route.operation == "headshot" and HEADSHOT_MARK not in form["prompt"]:
        form["prompt"] = f"{HEADSHOT_MARK} {form['prompt']}"
    files = tuple(_files(endpoint, job_request, form))
    if job_request.route.operation == "try-on" and "cloth_type" not in form:
        sent = form.keys() | {part.field for part in files}
        both = not sent.isdisjoint({"lower_cloth_image", "lower_cloth_image_id"})
        form["cloth_type"] = "full" if both else "upper"
    return Request("POST", endpoint.path, form=form, files=files)


def _form_value(value: object) -> str:
    """A parameter as the text of a form field: `true`, `2`, `0.5`; lists and objects as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _files(
    endpoint: Endpoint, job_request: JobRequest, form: Mapping[str, str]
) -> Generator[FilePart, None, None]:
    for role, fields in endpoint.fields.items():
        if endpoint.instead.get(role) in form:
            continue
        for name, file in zip(fields, job_request.inputs.get(role, ()), strict=False):
            yield FilePart(name, file)


def _task_path(job_id: str) -> str:
    return f"/v1/tasks/{quote(job_id, safe='')}"


def _images(body: Mapping[str, Any]) -> tuple[ResultRef, ...]:
    """The images of the first field that has any; may be empty."""
    found = (
        result_refs.find_results(
            body.get(place), "image", encoded=result_refs.is_base64_field(place)
        )
        for place in _RESULT_FIELDS
    )
    return next(filter(None, found), ())


def _facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Ids for later requests, and the foreground's box."""
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
    for item in json_fields.as_list(body.get("detected_objects")):
        detected = dict(json_fields.as_object(item))
        mask = detected.pop("mask", None)
        # The reference says `bbox`, the vendor's later pages and its clients say `box`.
        if not isinstance(detected.get("bbox", detected.get("box")), list):
            raise json_fields.unreadable_response()
        if mask is not None:
            masks += _mask(mask)
        found.append(detected)
    facts = _facts(body)
    return Finished((_data({**facts, "detected_objects": found}), *masks), facts=facts)


def _read_mask(body: Mapping[str, Any]) -> Finished:
    mask = body.get("mask")
    # A mask implies it.
    detected = json_fields.bool_or_none(body.get("detected", None if mask is None else True))
    if detected is None:
        raise json_fields.unreadable_response()
    if mask is None and detected:
        raise Unclear("unreadable-answer", "The provider found something but sent no mask.")
    masks = () if mask is None else _mask(mask)
    return Finished((_data({"detected": detected}), *masks), facts={"detected": detected})


def _mask(mask: object) -> tuple[ResultRef, ...]:
    """A mask: base64 by the reference; a URL is accepted too."""
    return result_refs.require_results(result_refs.find_results(mask, "image", encoded=True))


def _data(value: Mapping[str, Any]) -> ResultRef:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return ResultRef("json", data=base64.b64encode(text.encode()).decode())


def _failed(label: str, route: Route, state: str, body: Mapping[str, Any]) -> JobFailed:
    if state == "cancelled":
        return JobFailed("job-cancelled", f"The job was cancelled at {label}.", "unknown")
    return json_fields.job_failed(label, body.get("error_msg"), route.charged_on_failure)


def _message(response: Response) -> str:
    """The provider's own words: `error.message`, or the fields of older responses."""
    body = json_fields.error_body(response)
    fields = (body.get("error"), body.get("message"), body.get("detail"))
    return next(filter(None, map(json_fields.quotable, fields)), "")
