"""A made-up provider for the driver's tests: tokens, an upload to another URL, two base URLs."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import DarkroomError, Unclear
from darkroom.domain.media import PNG
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Role, Route, Sides, Tariff
from darkroom.providers import http_statuses, json_fields
from darkroom.providers.adapter import Adapter, FilePart, InputFiles, Request, Response
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.params import StrictParams
from tests.fakes.inputs import InMemoryInputs
from tests.providers.engine.driver_harness import TRANSPORT

SMALL = Role(frozenset({PNG}), sides=Sides(max_longer=64, max_shorter=48, min_shorter=8))
MASK = Role(frozenset({PNG}), required=False, same_size_as="image")
ROUTE = Route(
    "upscale",
    "tokens",
    ("tokens-1",),
    StrictParams,
    roles={"image": SMALL, "mask": MASK},
    asynchronous=True,
    call_s=5,
)


@dataclass
class TokenProvider(Adapter):
    """Signs in for a token, uploads its file to a URL from a response, then pays."""

    base_urls: tuple[str, ...]
    upload: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    name = "tokens"
    label = "Tokens"
    tariff = Tariff(None, "2026-01-01", "made up")
    routes: Sequence[Route] = (ROUTE,)
    credential_names: tuple[str, ...] = ("user", "password")
    token_lifetime_s = 100
    hosts: Mapping[str, str] = field(default_factory=lambda: {"upload": "http://no.invalid"})

    def authorize(
        self, credentials: Mapping[str, str], now_ms: int
    ) -> Generator[Request, Response, Mapping[str, str]]:
        """One round trip for a token."""
        body = {"user": credentials["user"], "now_ms": now_ms}
        response = yield Request("POST", "/sign-in", json=body)
        if not response.ok:
            raise self.read_error(response)
        return {"Authorization": f"Bearer {json_fields.as_text(response.json()['token'])}"}

    def prepare(self, work: JobRequest, files: InputFiles) -> Generator[Request, Response, Request]:
        """The file goes to the given URL, its text to the other host."""
        (file,) = work.inputs["image"]
        media = files.media(file)
        if self.upload:
            headers = {"Content-Type": media.content_type if media else "", **self.chosen}
            response = yield Request("PUT", self.upload, content=file, headers=headers)
            if not response.ok:
                raise Unclear("upload-failed", "The file was not taken.")
        yield Request(
            "POST", "/texts", host="upload", json={"n": 1}, encoded=(FilePart("data", file),)
        )
        return Request("POST", "/pay", json={"link": files.link(file, 60)})

    def read_submit(self, work: JobRequest, response: Response) -> Accepted | Finished:  # noqa: ARG002
        """The job's id."""
        return Accepted(json_fields.as_text(response.json()["job"]))

    def poll(
        self,
        route: Route,  # noqa: ARG002
        job_id: str,
    ) -> Generator[Request, Response, Pending | Finished | JobFailed]:
        """Always pending."""
        response = yield Request("GET", f"/jobs/{job_id}")
        if not response.ok:
            raise self.read_error(response)
        return Pending()

    def read_error(self, response: Response) -> DarkroomError:
        """By status, with the provider's own words."""
        said = json_fields.quotable(response.body.decode())
        return http_statuses.error_for_status(
            self.label, response.status, said, response.retry_after_s()
        )


HELD = {"user": "u", "password": "p-0123456789"}


def driver_of(
    adapter: TokenProvider,
    inputs: InMemoryInputs | None = None,
    token_cache: TokenCache | None = None,
    **held: str,
) -> Driver:
    """A driver with this provider only."""
    secret = HELD | held
    return Driver(
        {adapter.name: adapter},
        lambda _name: secret,
        inputs or InMemoryInputs(),
        "dev",
        transport=TRANSPORT,
        token_cache=token_cache,
    )
