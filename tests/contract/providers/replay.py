"""Replays recorded requests to a sandbox, and compares its responses with the recorded ones.

Only values that exist for one client are exchanged: ids, tokens, and the URLs of uploaded files. So
adapter and sandbox are held to the same documents.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from darkroom.domain.media import BY_EXTENSION, extension_of
from infra.sandbox.http_server import RunningSandbox, start
from tests.contract.providers.sample_files import clip, image, mask, tune


class ReplayClient:
    """A client that knows only the recordings, and the sandbox's values in their place.

    Attributes:
        headers: with credentials; not sent to URLs that the sandbox gave.
    """

    def __init__(self, running: RunningSandbox, client: httpx.Client) -> None:
        self.base_url = running.base_url
        self.credentials = running.credentials
        self.client = client
        self.headers: Mapping[str, str] = {}
        self._real: dict[Any, Any] = {}

    def learn(self, recorded: object, real: object) -> None:
        """Exchange a recorded value for the real one from now on."""
        self._real[recorded] = real

    def send(self, request: Mapping[str, Any], content: bytes | None = None) -> tuple[int, Any]:
        """Send a recorded request with exchanged values; returns status and body."""
        path = self._exchange(request["path"])
        is_external = not path.startswith("/")
        document = self._exchange(request.get("json"))
        for field, key in request.get("encoded", ()):
            document = {**(document or {}), field: base64.b64encode(file(key)).decode()}
        parts: list[tuple[str, Any]] = [
            (field, (f"{field}.png", mask() if "mask" in field else image(), "image/png"))
            for field, _ in request.get("files", ())
        ]
        form = self._exchange(request.get("form", {}))
        parts += [(field, (None, value)) for field, value in form.items()]
        response = self.client.request(
            request["method"],
            path if is_external else self.base_url + path,
            headers=request.get("headers", {}) if is_external else self.headers,
            json=None if parts else document,
            files=parts or None,
            content=content,
        )
        return response.status_code, (response.json() if response.content else None)

    def control(self, what: str, body: Mapping[str, Any]) -> None:
        """Post to the sandbox's control API."""
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()

    def _exchange(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._exchange(inner) for name, inner in value.items()}
            case list():
                return [self._exchange(inner) for inner in value]
            case str():
                for recorded, real in self._real.items():
                    value = value.replace(str(recorded), str(real))
                return value
            case _:
                return self._real.get(value, value)


@contextmanager
def replaying(provider: str, **settings: Any) -> Iterator[ReplayClient]:
    """A client of the provider's own sandbox, with enough credits; see `start` for settings."""
    with start([provider], **settings) as running, httpx.Client(timeout=30) as client:
        replay = ReplayClient(running[provider], client)
        replay.control("account", {"credits": 100_000})
        yield replay


def file(key: str) -> bytes:
    """A small file of the kind that a key names; every video is MP4."""
    media = BY_EXTENSION[extension_of(key)]
    if media.kind == "video":
        return clip()
    if media.kind == "audio":
        return tune()
    return image(kind={"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[media.extension])


def assert_same_shape(
    found: Any, recorded: Any, *, exact: bool = False, nulls: bool = True, place: str = "answer"
) -> None:
    """Every recorded name is there with its type, at all levels; a recorded null stands for any.

    Args:
        found: the sandbox's response.
        recorded: the document's.
        exact: there are no other names, and lists are empty only if the recorded ones are.
        nulls: the sandbox may have a null in place of any value; otherwise only of a text.
        place: for messages.
    """
    if recorded is None or (found is None and (nulls or isinstance(recorded, str))):
        return
    assert type(found) is type(recorded), place
    if isinstance(recorded, dict):
        assert not exact or found.keys() == recorded.keys(), place
        for name, inner in recorded.items():
            assert name in found, f"{place}.{name} is missing in {sorted(found)}"
            inside = f"{place}.{name}"
            assert_same_shape(found[name], inner, exact=exact, nulls=nulls, place=inside)
    if isinstance(recorded, list):
        assert bool(found) >= bool(recorded), place
        assert not exact or bool(found) == bool(recorded), place
        for item in found if recorded else ():
            assert_same_shape(item, recorded[0], exact=exact, nulls=nulls, place=f"{place}[]")
