"""Perfect Corp: files are registered and put where the answer says, then a task is run and asked.

Facts are those of the vendor's document (Perfect AI API 2.0), which speaks v1.0 of the paths. The
names of nested objects, which it folds away, are the ones that its own later pages and working
clients show. Pure: no network, no clock; it remembers catalogues of styles.
"""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import AccountBlocked, DarkroomError, InputRefused, Unclear
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.providers import result_forms, untrusted_json
from darkroom.providers.adapter import Adapter, Answer, InputFiles, Method, Request, StyleGroup
from darkroom.providers.job_words import Words, standing_of
from darkroom.providers.perfect.auth import build_id_token
from darkroom.providers.perfect.errors import LABEL, failure_of, is_lost, refusal_of, result_of
from darkroom.providers.perfect.features import FEATURES, SETS, Feature
from darkroom.providers.perfect.params import Styled
from darkroom.providers.perfect.routes import NAME, build_route, read_options, slug_of
from darkroom.providers.perfect.styles import Catalogues

_V1: Final = "/s2s/v1.0"

_WORDS: Final[Words] = {
    "running": "pending",
    "success": "finished",
    "error": "failed",
}

_METHODS: Final[Mapping[str, Method]] = {"PUT": "PUT", "POST": "POST"}

_MAX_FACT: Final = 8000
"""Characters of JSON; what is larger does not go into the manifest."""


class Perfect(Adapter):
    """The adapter. A paid call carries a number, so the same request can be sent again safely.

    Args:
        options: see `routes.Options`.

    Raises:
        ValueError: an option is not known, or wrong.
    """

    name = NAME
    label = LABEL
    base_urls = ("https://yce-api-01.perfectcorp.com", "https://yce-api-01.makeupar.com")
    # The document prices nothing; units are those of the later API, and no page prices a unit.
    # "100 requests per 5 minutes" per address, the tighter of its two limits. A job is asked about
    # every four seconds, and so 75 times in that window: a second long one would be too much.
    rules = Rules(Rate(100, 300), open_jobs=1, calls_per_file=1, calls_per_job=4)
    tariff = Tariff(None, "2026-11-21", "yce.perfectcorp.com/document, units of the later API")
    credential_names: tuple[str, ...] = ("client_id", "client_secret")
    session_s = 7200

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = read_options(options or {})
        self._features = {feature.operation: feature for feature in FEATURES}
        self._catalogues = Catalogues(refusal_of)
        self.routes: Sequence[Route] = tuple(
            build_route(feature, self._options) for feature in FEATURES
        )

    def authorize(
        self, credentials: Mapping[str, str], now_ms: int
    ) -> Generator[Request, Answer, Mapping[str, str]]:
        """Trades the encrypted id for a token that is good for two hours."""
        client_id = credentials["client_id"]
        token = build_id_token(client_id, credentials["client_secret"], now_ms)
        answer = yield Request(
            "POST", f"{_V1}/client/auth", json={"client_id": client_id, "id_token": token}
        )
        # Which of these a wrong id, a wrong key or a wrong clock gets is not documented.
        if answer.status in {400, 401, 403}:
            raise AccountBlocked("bad-credentials", f"{LABEL} does not accept the client's id.")
        if not answer.ok:
            raise refusal_of(answer)
        access = untrusted_json.as_text(result_of(answer).get("access_token")).strip()
        if not (access.isascii() and access.isprintable()):
            raise untrusted_json.unreadable()
        return {"Authorization": f"Bearer {access}"}

    def prepare(self, work: JobRequest, files: InputFiles) -> Generator[Request, Answer, Request]:
        """Looks the style up, then uploads every file, all free; the task names them by id."""
        feature = self._features[work.route.operation]
        slug = slug_of(feature, self._options)
        action: dict[str, Any] = work.params.action()
        if isinstance(work.params, Styled):
            group, style = yield from self._catalogues.find(slug, feature.operation, work.params)
            action |= {"style_group_id": group, "style_ids": [style]}
        sets: dict[str, list[str]] = {}
        for role in feature.roles:
            for file in work.inputs.get(role, ()):
                file_id = yield from self._upload(slug, role, file, files)
                sets.setdefault(SETS[role], []).append(file_id)
        payload: dict[str, Any] = {"file_sets": sets} if sets else {}
        payload["actions"] = [{"id": 0, "params": action} if action else {"id": 0}]
        if (output_ext := work.params.output_ext) is not None:
            payload["output_ext"] = output_ext
        return Request(
            "POST",
            f"{_V1}/task/{slug}",
            json={"request_id": request_id(work.task_id, work.attempt), "payload": payload},
        )

    def read_submit(
        self,
        work: JobRequest,  # noqa: ARG002 - every route answers alike
        answer: Answer,
    ) -> Accepted | Finished:
        """The task that was made, or that the number already named."""
        return Accepted(untrusted_json.as_id(result_of(answer).get("task_id")))

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """How the task stands. One that is not known (any more) was not charged."""
        feature = self._features[route.operation]
        slug = slug_of(feature, self._options)
        answer = yield Request("GET", f"{_V1}/task/{slug}?task_id={quote(job_id, safe='')}")
        if is_lost(answer):
            return JobFailed("job-lost", f"{LABEL} no longer knows the job.", "no")
        if not answer.ok:
            raise refusal_of(answer)
        told = result_of(answer)
        standing = standing_of(told.get("status"), _WORDS)
        match standing.state:
            case "pending":
                pause_s = _seconds(told.get("polling_interval"))
                return Pending(ask_again_s=pause_s, note=standing.note)
            case "finished":
                return _finished(feature, told)
            case "failed" | "cancelled":
                return failure_of(told.get("error"), told.get("error_message"))

    def styles(self, route: Route) -> Generator[Request, Answer, Sequence[StyleGroup]]:
        """Every group with its styles, as the catalogue is now."""
        feature = self._features[route.operation]
        if not feature.styled:
            return super().styles(route)
        return self._catalogues.read(slug_of(feature, self._options))

    def refuse(self, answer: Answer) -> DarkroomError:
        """By status, and by `error_code` where one has a meaning of its own."""
        return refusal_of(answer)

    def _upload(
        self, slug: str, role: str, file: Input, files: InputFiles
    ) -> Generator[Request, Answer, str]:
        """Registers a file, puts it where the answer says, and returns its id."""
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
        answer = yield Request("POST", f"/s2s/{version}/file/{slug}", json={"files": [entry]})
        if not answer.ok:
            raise refusal_of(answer)
        made = _first(result_of(answer).get("files"))
        put = yield _build_put(_first(made.get("requests")), file)
        if not put.ok:  # the address may have grown old: a new registration gives another
            raise Unclear("upload-failed", f"{LABEL} did not take a file.")
        return untrusted_json.as_id(made.get("file_id"))


def request_id(task_id: str, attempt: int) -> int:
    """A number below 2^52 that belongs to this attempt alone.

    The vendor counts from 0; it only compares, and programs in JavaScript lose digits above 2^53.
    """
    return int(hashlib.sha256(f"{task_id}-{attempt}".encode()).hexdigest()[:13], 16)


def _first(value: object) -> Mapping[str, Any]:
    items = untrusted_json.as_list(value)
    return untrusted_json.as_object(items[0] if items else None)


def _build_put(place: Mapping[str, Any], file: Input) -> Request:
    """The upload, with the given method, address and headers, as `upload_headers` sends it."""
    method = _METHODS.get(untrusted_json.as_text(place.get("method")).upper())
    headers = untrusted_json.as_object(place.get("headers") or {})
    if method is None or not all(isinstance(value, str | int) for value in headers.values()):
        raise untrusted_json.unreadable()
    sent = {name: str(value) for name, value in headers.items()}
    return Request(method, untrusted_json.as_url(place.get("url")), headers=sent, content=file)


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return milliseconds / 1000 if milliseconds > 0 else None


def _finished(feature: Feature, told: Mapping[str, Any]) -> Finished:
    """Every file of every result, in order; ages and whatever else small stands beside them."""
    refs: list[ResultRef] = []
    ages: list[int] = []
    facts: dict[str, Any] = {}
    for entry in untrusted_json.as_list(told.get("results"), texts=True):
        result = entry if isinstance(entry, dict) else {"data": entry}
        # A result without `data` may be the file itself, as in the vendor's later API.
        for item in untrusted_json.as_list(result.get("data", result), texts=True):
            refs += result_forms.need(result_forms.refs_of(item, feature.kind))
            age = item.get("res_age") if isinstance(item, dict) else None
            if isinstance(age, int):
                ages.append(age)
        # `custom_info` of aging; the makeup's product recommendation, whose name is not printed.
        facts |= {name: value for name, value in result.items() if _is_fact(name, value)}
    found = result_forms.need(tuple(refs))
    return Finished(found, facts={**facts, "ages": ages} if ages else facts)


def _is_fact(name: str, value: object) -> bool:
    """Small data beside the results; addresses are signed, and have no place in a manifest."""
    text = json.dumps(value, ensure_ascii=False)
    return (
        name not in {"data", "output"}
        and isinstance(value, dict | list)
        and len(text) <= _MAX_FACT
        and "://" not in text
    )
