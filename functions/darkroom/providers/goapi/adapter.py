"""GoAPI: files are handed over, a task is made of them, and the task is asked until it ends.

Facts are those of the vendor's pages "Get Started" and "Image Editing API" (goapi.ai/docs) and of
the pages of PiAPI (piapi.ai/docs), which is the same service. Pure: no network, no clock.
"""

from collections.abc import Generator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import DarkroomError
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.validation_messages import explain
from darkroom.providers import untrusted_json
from darkroom.providers.adapter import Adapter, Answer, InputFiles, Request
from darkroom.providers.goapi import envelope
from darkroom.providers.goapi import toolkit_v2 as toolkit
from darkroom.providers.goapi.catalogue import Catalogue, read_catalogue
from darkroom.providers.goapi.history import TASK, endpoint_of, find_task, task_path
from darkroom.providers.goapi.results import read_facts, read_results
from darkroom.providers.goapi.route_builder import NAME, Call
from darkroom.providers.goapi.routes import build_calls
from darkroom.providers.goapi.task_params import place_files
from darkroom.providers.goapi.uploads import UPLOAD_HOST, hand_over


class Options(BaseModel, frozen=True, strict=True, extra="forbid"):
    """What an environment may say.

    Attributes:
        service_mode: whose accounts do the work: `public` GoAPI's own, `private` those that were
            brought along; empty for what the workspace is set to.
        webhook_url: where GoAPI tells how tasks go. Nobody needs to listen there: it carries the
            attempt's name, by which a doubtful task is found again.
    """

    service_mode: Literal["", "public", "private"] = ""
    webhook_url: Annotated[str, Field(pattern=r"^https://[^\s#]+$", max_length=500)] = (
        "https://darkroom.invalid/goapi"
    )


@cache
def _calls_of_the_file() -> tuple[tuple[Route, Call], ...]:
    """Every adapter shares them: they never change, and take a tenth of a second to make."""
    return build_calls(read_catalogue())


class GoApi(Adapter):
    """The adapter. A paid call carries no key, but it can be found in the account's history.

    Args:
        options: see `Options`.
        catalogue: the tasks that there are; by default those of the file.

    Raises:
        ValueError: an option is not known, or wrong.
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
        calls = build_calls(catalogue) if catalogue else _calls_of_the_file()
        self.routes: Sequence[Route] = tuple(route for route, _ in calls)
        self._calls: Final[Mapping[tuple[str, str], Call]] = {
            (route.operation, route.model): call for route, call in calls
        }

    def authorize(
        self,
        credentials: Mapping[str, str],
        now_ms: int,  # noqa: ARG002 - a key is the same at any time
    ) -> Generator[Request, Answer, Mapping[str, str]]:
        """The key's own header."""
        yield from ()
        return {"x-api-key": credentials["api_key"]}

    def prepare(self, work: JobRequest, files: InputFiles) -> Generator[Request, Answer, Request]:
        """Hands every file over, free of charge; the task then names them by their addresses."""
        call = self._call(work.route)
        document: dict[str, Any] = {**call.fixed, **work.params.sent()}
        for role, names in call.fields.items():
            urls: list[str] = []
            for file in work.inputs.get(role, ()):
                url = yield from hand_over(role, file, files)
                urls.append(url)
            for index, name in enumerate(names):
                mine = urls[index:] if name == names[-1] else urls[index : index + 1]
                if call.entry is None:
                    document[name] = mine[0]
                elif mine:
                    place_files(document, call.entry.files[name], name, mine)
        if call.entry is None:
            return toolkit.build_create(work.route.operation, document)
        config: dict[str, Any] = {
            "webhook_config": {"endpoint": self._endpoint(work), "secret": ""}
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

    def read_submit(self, work: JobRequest, answer: Answer) -> Accepted | Finished:
        """The task that was made; HTTP may say yes where the envelope's code says no."""
        task = envelope.read_created(answer)
        job_id = untrusted_json.as_id(task.get("task_id"))
        if self._call(work.route).entry is None:
            return Accepted(job_id)
        return Accepted(job_id, envelope.credits_at_start(task))

    def look_up(
        self, work: JobRequest, since_s: int, look: int = 0
    ) -> Generator[Request, Answer, Accepted | None]:
        """The task whose webhook names this attempt; how far it looks: see `history`."""
        entry = self._call(work.route).entry
        if entry is None:
            raise LookupError("the image toolkit v2 has no list of past calls")
        task = yield from find_task(entry, self._endpoint(work), since_s, look)
        if task is None:
            return None
        return Accepted(
            untrusted_json.as_id(task.get("task_id")),
            envelope.credits_at_start(task),
        )

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """How the task stands. A new one may be unknown for half a minute at first."""
        entry = self._call(route).entry
        if entry is None:
            return (yield from toolkit.fetch(route, job_id))
        answer = yield Request("GET", task_path(job_id))
        if envelope.is_unknown(answer):
            return JobFailed("job-lost", f"{self.label} no longer knows the job.", "unknown")
        if not answer.ok:
            raise self.refuse(answer)
        task = envelope.read_data(answer)
        standing = envelope.standing_of_task(task)
        output = task.get("output")
        match standing.state:
            case "pending":
                progress = output.get("progress") if isinstance(output, dict) else None
                return Pending(untrusted_json.progress_of(progress), note=standing.note)
            case "finished":
                results = read_results(self._catalogue, entry, output)
                return Finished(results, envelope.credits_at_end(task), read_facts(output))
            case "failed" | "cancelled":
                return envelope.failure_of(task, standing.state)

    def cancel(self, route: Route, job_id: str) -> Request | None:
        """Only a task that nobody works on yet can be cancelled over there."""
        if self._call(route).entry is None:
            return None
        return Request("DELETE", task_path(job_id))

    def cancelled(self, answer: Answer) -> bool:
        """Its HTTP may say yes where its code says no."""
        return envelope.is_yes(answer)

    def refuse(self, answer: Answer) -> DarkroomError:
        """By status, but for what cannot be paid for."""
        return envelope.refusal_of(answer)

    def _call(self, route: Route) -> Call:
        return self._calls[route.operation, route.model]

    def _endpoint(self, work: JobRequest) -> str:
        return endpoint_of(self._options.webhook_url, work.task_id, work.attempt)


def read_options(options: Mapping[str, Any]) -> Options:
    """The environment's settings for GoAPI. Raises `ValueError` with a sentence."""
    try:
        return Options.model_validate(dict(options))
    except ValidationError as error:
        sentence, next_step = explain(error, "The options for goapi", Options.model_fields)
        raise ValueError(f"{sentence} {next_step}") from error
