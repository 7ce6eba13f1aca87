"""Perfect Corp: files are registered and uploaded, then a task is run and polled to its end.

Facts are those of the vendor's document (Perfect AI API 2.0), whose paths are v1.0. It hides the
names of nested objects; they are taken from the vendor's later pages and from working clients.
Pure: no network, no clock; it caches catalogues of styles.
"""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import AccountBlocked, DarkroomError, InputRefused, Unclear
from darkroom.domain.order import Input
from darkroom.domain.prices import Balance
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.vendor_history import HistoryPage
from darkroom.providers import json_fields, result_refs
from darkroom.providers.adapter import Adapter, InputFiles, Method, Request, Response, StyleGroup
from darkroom.providers.job_status import StatusWords, read_job_status
from darkroom.providers.perfect.account import read_balance
from darkroom.providers.perfect.auth import build_id_token
from darkroom.providers.perfect.errors import LABEL, error_for, is_lost, read_failure, read_result
from darkroom.providers.perfect.history import page_request, read_history
from darkroom.providers.perfect.params import Enlargement, Styled
from darkroom.providers.perfect.route_builder import NAME, build_route, read_options, slug_of
from darkroom.providers.perfect.routes import FEATURES, FILE_SETS, Feature
from darkroom.providers.perfect.styles import Catalogues

_V1: Final = "/s2s/v1.0"

_STATUS_WORDS: Final[StatusWords] = {
    "running": "pending",
    "success": "finished",
    "error": "failed",
}

_METHODS: Final[Mapping[str, Method]] = {"PUT": "PUT", "POST": "POST"}

_MAX_FACT: Final = 8000
"""Characters of JSON; larger facts do not go into the manifest."""


class Perfect(Adapter):
    """The adapter. A paid call carries a `request_id`, so the same request can be repeated safely.

    Args:
        options: see `routes.Options`.

    Raises:
        ValueError: an option is unknown or invalid.
    """

    name = NAME
    label = LABEL
    base_urls = ("https://yce-api-01.perfectcorp.com", "https://yce-api-01.makeupar.com")
    # The document has no prices; units are those of the later API, and no page prices a unit.
    # "100 requests per 5 minutes" per IP address, the tighter of its two limits. A job is polled
    # every four seconds, 75 times in that window: a second long job would exceed it.
    rules = Rules(Rate(100, 300), open_jobs=1, calls_per_file=1, calls_per_job=4)
    tariff = Tariff(None, "2026-11-21", "yce.perfectcorp.com/document, units of the later API")
    credential_names: tuple[str, ...] = ("client_id", "client_secret")
    token_lifetime_s = 7200

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = read_options(options or {})
        self._features = {feature.operation: feature for feature in FEATURES}
        self._catalogues = Catalogues(error_for)
        self.routes: Sequence[Route] = tuple(
            build_route(feature, self._options) for feature in FEATURES
        )

    def authorize(
        self, credentials: Mapping[str, str], now_ms: int
    ) -> Generator[Request, Response, Mapping[str, str]]:
        """Exchange the encrypted id for a token that is valid for two hours."""
        client_id = credentials["client_id"]
        token = build_id_token(client_id, credentials["client_secret"], now_ms)
        response = yield Request(
            "POST", f"{_V1}/client/auth", json={"client_id": client_id, "id_token": token}
        )
        # Not documented: which of these a wrong id, a wrong key or a wrong clock gets.
        if response.status in {400, 401, 403}:
            raise AccountBlocked("bad-credentials", f"{LABEL} does not accept the client's id.")
        if not response.ok:
            raise error_for(response)
        access = json_fields.as_text(read_result(response).get("access_token")).strip()
        if not (access.isascii() and access.isprintable()):
            raise json_fields.unreadable_response()
        return {"Authorization": f"Bearer {access}"}

    def key_fault(self, name: str, value: str) -> str:
        """The secret of a client is a public key, which encrypts its id."""
        if name != "client_secret":
            return ""
        try:
            build_id_token("", value, 0)
        except AccountBlocked as error:
            return error.failure.sentence.rstrip(".")
        return ""

    def prepare(
        self, job_request: JobRequest, files: InputFiles
    ) -> Generator[Request, Response, Request]:
        """Look up the style, then upload every file, all free; the task names them by id."""
        feature = self._features[job_request.route.operation]
        slug = slug_of(feature, self._options)
        action: dict[str, Any] = job_request.params.action()
        if isinstance(job_request.params, Styled):
            group, style = yield from self._catalogues.find(
                slug, feature.operation, job_request.params
            )
            action |= {"style_group_id": group, "style_ids": [style]}
        sets: dict[str, list[str]] = {}
        for role in feature.roles:
            for file in job_request.inputs.get(role, ()):
                file_id = yield from self._upload(slug, role, file, files)
                sets.setdefault(FILE_SETS[role], []).append(file_id)
        payload: dict[str, Any] = {"file_sets": sets} if sets else {}
        payload["actions"] = [{"id": 0, "params": action} if action else {"id": 0}]
        output_ext = job_request.params.output_ext
        if output_ext is None and isinstance(job_request.params, Enlargement):
            sources = job_request.inputs.get("image", ())
            output_ext = "webp" if any(files.has_alpha(file) for file in sources) else None
        if output_ext is not None:
            payload["output_ext"] = output_ext
        return Request(
            "POST",
            f"{_V1}/task/{slug}",
            json={
                "request_id": request_id(job_request.task_id, job_request.attempt),
                "payload": payload,
            },
        )

    def read_submit(
        self,
        job_request: JobRequest,  # noqa: ARG002 - all routes have the same response
        response: Response,
    ) -> Accepted | Finished:
        """The new task, or the one that the `request_id` had already created."""
        return Accepted(json_fields.as_id(read_result(response).get("task_id")))

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Response, Pending | Finished | JobFailed]:
        """The task's status. One that is not (or no longer) known was not charged."""
        feature = self._features[route.operation]
        slug = slug_of(feature, self._options)
        response = yield Request("GET", f"{_V1}/task/{slug}?task_id={quote(job_id, safe='')}")
        if is_lost(response):
            return JobFailed("job-lost", f"{LABEL} no longer knows the job.", "no")
        if not response.ok:
            raise error_for(response)
        result = read_result(response)
        status = read_job_status(result.get("status"), _STATUS_WORDS)
        match status.state:
            case "pending":
                pause_s = _seconds(result.get("polling_interval"))
                return Pending(ask_again_s=pause_s, note=status.note)
            case "finished":
                return _finished(feature, result)
            case "failed" | "cancelled":
                return read_failure(result.get("error"), result.get("error_message"))

    def styles(self, route: Route) -> Generator[Request, Response, Sequence[StyleGroup]]:
        """Every group with its styles, read again from the vendor."""
        feature = self._features[route.operation]
        if not feature.has_styles:
            return super().styles(route)
        return self._catalogues.read(slug_of(feature, self._options))

    def balance(self) -> Generator[Request, Response, Balance]:
        """The units of all lots together ("unit system" of the later API: `results`, v1.0 path)."""
        response = yield Request("GET", f"{_V1}/client/credit")
        if not response.ok:
            raise error_for(response)
        return read_balance(response)

    def history(
        self,
        since_s: int,  # noqa: ARG002 - the vendor has no filter for it
        after: str,
    ) -> Generator[Request, Response, HistoryPage]:
        """A page of the account's changes."""
        response = yield page_request(after)
        if not response.ok:
            raise error_for(response)
        return read_history(response)

    def read_error(self, response: Response) -> DarkroomError:
        """By status, and by an `error_code` with a meaning of its own."""
        return error_for(response)

    def _upload(
        self, slug: str, role: str, file: Input, files: InputFiles
    ) -> Generator[Request, Response, str]:
        """Register a file, upload it to the URL in the response, and return its id."""
        media = files.media(file)
        if media is None:
            raise InputRefused("wrong-format", f"{file.key} is of no known format.")
        entry: dict[str, Any] = {
            "content_type": media.content_type,
            "file_name": f"{role}.{media.extension}",
        }
        version = self._options.file_version
        if version == "v1.1":
            entry["file_size"] = file.size
        response = yield Request("POST", f"/s2s/{version}/file/{slug}", json={"files": [entry]})
        if not response.ok:
            raise error_for(response)
        registered = _first(read_result(response).get("files"))
        put = yield _build_put(_first(registered.get("requests")), file)
        if not put.ok:  # the URL may have expired: a new registration gives another
            raise Unclear("upload-failed", f"{LABEL} did not take a file.")
        return json_fields.as_id(registered.get("file_id"))


def request_id(task_id: str, attempt: int) -> int:
    """A number below 2^52 that is unique to this attempt.

    The vendor's examples count from 0; it only compares, and JavaScript loses digits above 2^53.
    """
    return int(hashlib.sha256(f"{task_id}-{attempt}".encode()).hexdigest()[:13], 16)


def _first(value: object) -> Mapping[str, Any]:
    items = json_fields.as_list(value)
    return json_fields.as_object(items[0] if items else None)


def _build_put(target: Mapping[str, Any], file: Input) -> Request:
    """The upload with the given method, URL and headers, of which `upload_headers` sends some."""
    method = _METHODS.get(json_fields.as_text(target.get("method")).upper())
    headers = json_fields.as_object(target.get("headers") or {})
    if method is None or not all(isinstance(value, str | int) for value in headers.values()):
        raise json_fields.unreadable_response()
    sent = {name: str(value) for name, value in headers.items()}
    return Request(method, json_fields.as_url(target.get("url")), headers=sent, content=file)


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return milliseconds / 1000 if milliseconds > 0 else None


def _finished(feature: Feature, task: Mapping[str, Any]) -> Finished:
    """Every file of every result, in order; ages and other small data become facts."""
    refs: list[ResultRef] = []
    ages: list[int] = []
    facts: dict[str, Any] = {}
    for entry in json_fields.as_list(task.get("results"), texts=True):
        result = entry if isinstance(entry, dict) else {"data": entry}
        # A result without `data` may be the file itself, as in the vendor's later API.
        for item in json_fields.as_list(result.get("data", result), texts=True):
            refs += result_refs.require_results(result_refs.find_results(item, feature.kind))
            age = item.get("res_age") if isinstance(item, dict) else None
            if isinstance(age, int):
                ages.append(age)
        # `custom_info` of aging; the makeup's product recommendation, whose name is not documented.
        facts |= {name: value for name, value in result.items() if _is_fact(name, value)}
    found = result_refs.require_results(tuple(refs))
    return Finished(found, facts={**facts, "ages": ages} if ages else facts)


def _is_fact(name: str, value: object) -> bool:
    """Small data beside the results; URLs are signed and must not get into a manifest."""
    text = json.dumps(value, ensure_ascii=False)
    return (
        name not in {"data", "output"}
        and isinstance(value, dict | list)
        and len(text) <= _MAX_FACT
        and "://" not in text
    )
