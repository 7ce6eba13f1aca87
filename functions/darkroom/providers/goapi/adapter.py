"""GoAPI: files are uploaded, one paid call creates a task, and the task is polled to its end.

Facts are those of the vendor's pages "Get Started" and "Image Editing API" (goapi.ai/docs) and of
the pages of PiAPI (piapi.ai/docs), which is the same service. Pure: no network, no clock.
"""

from collections.abc import Generator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import DarkroomError
from darkroom.domain.prices import Balance
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.validation_messages import explain
from darkroom.domain.vendor_history import HistoryPage
from darkroom.providers import json_fields
from darkroom.providers.adapter import Adapter, InputFiles, Request, Response
from darkroom.providers.goapi import envelope, toolkit_v2
from darkroom.providers.goapi.account import ACCOUNT, read_balance
from darkroom.providers.goapi.catalogue import Catalogue, read_catalogue
from darkroom.providers.goapi.history import TASK, find_task, task_path, webhook_url_for
from darkroom.providers.goapi.results import read_facts, read_results
from darkroom.providers.goapi.route_builder import NAME, Call
from darkroom.providers.goapi.routes import build_calls
from darkroom.providers.goapi.task_charges import page_request, read_charges
from darkroom.providers.goapi.task_params import place_files
from darkroom.providers.goapi.uploads import UPLOAD_HOST, upload_or_link


class Options(BaseModel, frozen=True, strict=True, extra="forbid"):
    """An environment's settings for this provider.

    Attributes:
        service_mode: whose accounts do the work: `public` GoAPI's own, `private` the customer's;
            empty for the workspace's own setting.
        webhook_url: where GoAPI reports on tasks. It does not need to respond: its query names the
            attempt, by which the task of an unclear call is found again.
    """

    service_mode: Literal["", "public", "private"] = ""
    webhook_url: Annotated[str, Field(pattern=r"^https://[^\s#]+$", max_length=500)] = (
        "https://darkroom.invalid/goapi"
    )


@cache
def _catalogue_calls() -> tuple[tuple[Route, Call], ...]:
    """Shared by all adapters: they never change, and take a tenth of a second to build."""
    return build_calls(read_catalogue())


class GoApi(Adapter):
    """The adapter. A paid call has no idempotency key, but is found in the account's history.

    Args:
        options: see `Options`.
        catalogue: the known tasks; by default those of catalogue.json.

    Raises:
        ValueError: an option is unknown or invalid.
    """

    name = NAME
    label = envelope.LABEL
    # "GoAPI Domains": the primary one, the backup, and the one for long waits.
    base_urls: tuple[str, ...] = (
        "https://api.goapi.ai",
        "https://api.goapi.xyz",
        "https://proxy.goapi.xyz",
    )
    hosts: Mapping[str, str] = {UPLOAD_HOST: "https://upload.theapi.app"}
    # 500 credits are a dollar: checked against the pages' prices, which are in dollars.
    tariff = Tariff(0.002, "2026-11-21", "piapi.ai/docs, prices of Sora 2, Seedream 5 and Z-Image")
    credential_names: tuple[str, ...] = ("api_key",)

    def __init__(
        self, options: Mapping[str, Any] | None = None, catalogue: Catalogue | None = None
    ) -> None:
        self._options = read_options(options or {})
        self._catalogue = catalogue or read_catalogue()
        calls = build_calls(catalogue) if catalogue else _catalogue_calls()
        self.routes: Sequence[Route] = tuple(route for route, _ in calls)
        self._calls: Final[Mapping[tuple[str, str], Call]] = {
            (route.operation, route.model): call for route, call in calls
        }

    def authorize(
        self,
        credentials: Mapping[str, str],
        now_ms: int,  # noqa: ARG002 - the key is not signed
    ) -> Generator[Request, Response, Mapping[str, str]]:
        """The header with the key."""
        yield from ()
        return {"x-api-key": credentials["api_key"]}

    def prepare(
        self, job_request: JobRequest, files: InputFiles
    ) -> Generator[Request, Response, Request]:
        """Upload every file, free of charge; the task names them by URL."""
        call = self._call(job_request.route)
        document: dict[str, Any] = {**call.fixed, **job_request.params.to_provider()}
        for role, names in call.fields.items():
            urls: list[str] = []
            for file in job_request.inputs.get(role, ()):
                url = yield from upload_or_link(role, file, files)
                urls.append(url)
            for index, name in enumerate(names):
                # The last field takes all that are left.
                chosen = urls[index:] if name == names[-1] else urls[index : index + 1]
                if call.entry is None:
                    document[name] = chosen[0]
                elif chosen:
                    place_files(document, call.entry.files[name], name, chosen)
        if call.entry is None:
            return toolkit_v2.build_create(job_request.route.operation, document)
        config: dict[str, Any] = {
            "webhook_config": {"endpoint": self._webhook_url(job_request), "secret": ""}
        }
        if self._options.service_mode:
            config["service_mode"] = self._options.service_mode
        return Request(
            "POST",
            TASK,
            json={
                "model": call.entry.model,
                "task_type": call.entry.task_type,
                "input": document,
                "config": config,
            },
        )

    def read_submit(self, job_request: JobRequest, response: Response) -> Accepted | Finished:
        """The new task; HTTP may report success while the envelope's code reports an error."""
        task = envelope.read_created(response)
        job_id = json_fields.as_id(task.get("task_id"))
        if self._call(job_request.route).entry is None:
            return Accepted(job_id)
        return Accepted(job_id, envelope.credits_at_start(task))

    def look_up(
        self, job_request: JobRequest, since_s: int, look: int = 0
    ) -> Generator[Request, Response, Accepted | None]:
        """The task whose webhook names this attempt; see `history` for the search."""
        entry = self._call(job_request.route).entry
        if entry is None:
            raise LookupError("the image toolkit v2 has no list of past calls")
        task = yield from find_task(entry, self._webhook_url(job_request), since_s, look)
        if task is None:
            return None
        return Accepted(
            json_fields.as_id(task.get("task_id")),
            envelope.credits_at_start(task),
        )

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Response, Pending | Finished | JobFailed]:
        """The task's status. A new one may be unknown for up to half a minute."""
        entry = self._call(route).entry
        if entry is None:
            return (yield from toolkit_v2.fetch(route, job_id))
        response = yield Request("GET", task_path(job_id))
        if envelope.is_unknown_task(response):
            return JobFailed("job-lost", f"{self.label} no longer knows the job.", "unknown")
        if not response.ok:
            raise self.read_error(response)
        task = envelope.read_data(response)
        status = envelope.read_task_status(task)
        output = task.get("output")
        match status.state:
            case "pending":
                progress = output.get("progress") if isinstance(output, dict) else None
                return Pending(json_fields.progress_or_none(progress), note=status.note)
            case "finished":
                results = read_results(self._catalogue, entry, output)
                return Finished(results, envelope.credits_at_end(task), read_facts(output))
            case "failed" | "cancelled":
                return envelope.read_failure(task, status.state)

    def cancel(self, route: Route, job_id: str) -> Request | None:
        """GoAPI cancels only a task that is still waiting."""
        if self._call(route).entry is None:
            return None
        return Request("DELETE", task_path(job_id))

    def is_cancelled(self, response: Response) -> bool:
        """HTTP may report success while the envelope's code reports an error."""
        return envelope.is_ok(response)

    def balance(self) -> Generator[Request, Response, Balance]:
        """The account's credits, and what they are worth."""
        response = yield Request("GET", ACCOUNT)
        if not response.ok:
            raise self.read_error(response)
        return read_balance(response)

    def history(self, since_s: int, after: str) -> Generator[Request, Response, HistoryPage]:
        """A page of the account's tasks; `after` is the page's number."""
        response = yield page_request(since_s, after)
        if not response.ok:
            raise self.read_error(response)
        return read_charges(response, after)

    def read_error(self, response: Response) -> DarkroomError:
        """By status, and by its words for a lack of credits."""
        return envelope.error_for(response)

    def _call(self, route: Route) -> Call:
        return self._calls[route.operation, route.model]

    def _webhook_url(self, job_request: JobRequest) -> str:
        return webhook_url_for(self._options.webhook_url, job_request.task_id, job_request.attempt)


def read_options(options: Mapping[str, Any]) -> Options:
    """The environment's settings for GoAPI, validated. Raises `ValueError` with a sentence."""
    try:
        return Options.model_validate(dict(options))
    except ValidationError as error:
        sentence, next_step = explain(error, "The options for goapi", Options.model_fields)
        raise ValueError(f"{sentence} {next_step}") from error
