"""A provider made up for the driver's tests: tokens, an upload elsewhere, two addresses."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import DarkroomError, Unclear
from darkroom.domain.media import PNG
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Role, Route, Sides, Tariff
from darkroom.providers import http_statuses, untrusted_json
from darkroom.providers.adapter import Adapter, Answer, FilePart, InputFiles, Request
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.params import Strict
from tests.fakes.inputs import InMemoryInputs
from tests.providers.desk import WIRE

SMALL = Role(frozenset({PNG}), sides=Sides(max_longer=64, max_shorter=48, min_shorter=8))
MASK = Role(frozenset({PNG}), required=False, same_size_as="image")
ROUTE = Route(
    "upscale",
    "tokens",
    ("tokens-1",),
    Strict,
    roles={"image": SMALL, "mask": MASK},
    asynchronous=True,
    call_s=5,
)


@dataclass
class Tokens(Adapter):
    """Signs in for a token, sends its file to an address that it is told, then pays."""

    base_urls: tuple[str, ...]
    upload: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    name = "tokens"
    label = "Tokens"
    tariff = Tariff(None, "2026-01-01", "made up")
    routes: Sequence[Route] = (ROUTE,)
    credential_names: tuple[str, ...] = ("user", "password")
    session_s = 100
    hosts: Mapping[str, str] = field(default_factory=lambda: {"upload": "http://no.invalid"})

    def authorize(
        self, credentials: Mapping[str, str], now_ms: int
    ) -> Generator[Request, Answer, Mapping[str, str]]:
        """One round trip for a token."""
        told = {"user": credentials["user"], "now_ms": now_ms}
        answer = yield Request("POST", "/sign-in", json=told)
        if not answer.ok:
            raise self.refuse(answer)
        return {"Authorization": f"Bearer {untrusted_json.as_text(answer.json()['token'])}"}

    def prepare(self, work: JobRequest, files: InputFiles) -> Generator[Request, Answer, Request]:
        """The file goes elsewhere, as it is; its text goes to the other host."""
        (file,) = work.inputs["image"]
        media = files.media(file)
        if self.upload:
            told = {"Content-Type": media.content_type if media else "", **self.chosen}
            answer = yield Request("PUT", self.upload, content=file, headers=told)
            if not answer.ok:
                raise Unclear("upload-failed", "The file was not taken.")
        yield Request(
            "POST", "/texts", host="upload", json={"n": 1}, encoded=(FilePart("data", file),)
        )
        return Request("POST", "/pay", json={"link": files.link(file, 60)})

    def read_submit(self, work: JobRequest, answer: Answer) -> Accepted | Finished:  # noqa: ARG002
        """The job's name."""
        return Accepted(untrusted_json.as_text(answer.json()["job"]))

    def poll(
        self,
        route: Route,  # noqa: ARG002
        job_id: str,
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """Always at work."""
        answer = yield Request("GET", f"/jobs/{job_id}")
        if not answer.ok:
            raise self.refuse(answer)
        return Pending()

    def refuse(self, answer: Answer) -> DarkroomError:
        """By status, with the provider's own words."""
        said = untrusted_json.quotable(answer.body.decode())
        return http_statuses.refusal(self.label, answer.status, said, answer.retry_after_s())


HELD = {"user": "u", "password": "p-0123456789"}


def driver_of(
    adapter: Tokens,
    inputs: InMemoryInputs | None = None,
    sessions: TokenCache | None = None,
    **held: str,
) -> Driver:
    """A driver with this provider alone."""
    secret = HELD | held
    return Driver(
        [adapter],
        lambda _name: secret,
        inputs or InMemoryInputs(),
        "dev",
        wire=WIRE,
        sessions=sessions,
    )
