"""A provider with its credentials: how it is set up, and how a request of its becomes HTTP."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from darkroom.errors import ProviderRefused
from darkroom.providers.files import Files, form_parts
from darkroom.providers.protocol import Adapter, Answer, Request

Credentials = Callable[[str], Mapping[str, str]]
"""Provider -> what its secret holds; empty when it is not set up."""

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "darkroom",
}


@dataclass(frozen=True)
class Account:
    """A provider, ready to be called.

    Attributes:
        hint: the sentence that says how to set its key.
        headers: carry the credentials.
        secrets: the credentials' values, so that they can be kept out of everything else.
    """

    adapter: Adapter
    base_url: str
    hint: str
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def request(self, request: Request, files: Files) -> httpx.Request:
        """The request as HTTP, with credentials and files."""
        headers = {**_HEADERS, **request.headers, **self.headers}
        url = self.base_url + request.path
        try:
            if request.form or request.files:
                parts = form_parts(request.form, [files.part(part) for part in request.files])
                return httpx.Request(request.method, url, headers=headers, files=parts)
            return httpx.Request(request.method, url, headers=headers, json=request.json)
        except httpx.InvalidURL as error:
            raise ProviderRefused(
                "bad-base-url",
                f"The address of {self.adapter.label} is not one.",
                "Correct the provider's base URL in its settings.",
            ) from error

    def without_secrets(self, body: bytes) -> bytes:
        """An answer as anyone may see it; a provider may quote the key that it refuses."""
        for secret in self.secrets:
            body = body.replace(secret.encode(), b"[key]")
        return body

    def refusal(self, answer: Answer) -> Exception:
        """What an answer that is not 2xx means, with what to do about it."""
        return self.advised(self.adapter.refuse(answer))

    def advised(self, error: Exception) -> Exception:
        """The error; where the key was refused, with the command that sets another."""
        if not isinstance(error, ProviderRefused):
            return error
        told = error.failure
        if told.code != "bad-credentials" or told.next_step:
            return error
        return ProviderRefused(told.code, told.sentence, self.hint)


def is_set_up(adapter: Adapter, held: Mapping[str, str]) -> bool:
    """Whether every credential that the provider needs is there."""
    return all(held.get(name) for name in adapter.credential_names)


def set_up_hint(adapter: Adapter, environment: str) -> str:
    """The sentence that says how to set the provider up."""
    secret = json.dumps(dict.fromkeys(adapter.credential_names, "..."))
    return (
        "Set it with: aws secretsmanager put-secret-value"
        f" --secret-id darkroom/{environment}/{adapter.name} --secret-string '{secret}'"
    )


def open_account(adapter: Adapter, held: Mapping[str, str], environment: str) -> Account:
    """The provider with what its secret holds; `base_url` in it replaces the adapter's.

    Raises:
        ProviderRefused: `not-set-up`, or `bad-credentials` for a key that no header can carry.
    """
    hint = set_up_hint(adapter, environment)
    if not is_set_up(adapter, held):
        raise ProviderRefused("not-set-up", f"{adapter.label} has no key here.", hint)
    credentials = {name: held[name].strip() for name in adapter.credential_names}
    if not all(value and value.isascii() and value.isprintable() for value in credentials.values()):
        raise ProviderRefused(
            "bad-credentials",
            f"The key for {adapter.label} holds characters that no key has.",
            hint,
        )
    return Account(
        adapter,
        (held.get("base_url") or adapter.base_url).rstrip("/"),
        hint,
        adapter.authorize(credentials),
        tuple(credentials.values()),
    )
