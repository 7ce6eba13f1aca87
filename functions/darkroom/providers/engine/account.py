"""A provider with its credentials: how it is set up, and how a request of its becomes HTTP."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import httpx

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from darkroom.providers.adapter import Adapter, Answer, Request
from darkroom.providers.engine.input_files import Files, form_parts
from darkroom.providers.engine.upload_headers import upload_headers

MIN_SECRET = 8
"""Shorter values are no secrets; replacing them would tear answers apart."""


class Credentials(Protocol):
    """Provider -> what its secret holds; empty when it is not set up."""

    def __call__(self, provider: str, /) -> Mapping[str, str]:
        """What is known of it. Raises `AccountBlocked`, `OwnTrouble` where it cannot be read."""


@runtime_checkable
class Rereadable(Protocol):
    """Credentials that are kept for a while, and can be read again before that."""

    def reread(self, provider: str, /) -> Mapping[str, str]:
        """As they are now, or were some seconds ago."""


_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "darkroom",
}


@dataclass(frozen=True)
class Account:
    """A provider, ready to be called.

    Attributes:
        base_urls: where its API is; the next is tried when nothing was sent to the one before.
        hosts: its other hosts, by name.
        hint: the sentence that says how to set its key.
        credentials: what its secret holds of what it needs.
    """

    adapter: Adapter
    base_urls: tuple[str, ...]
    hosts: Mapping[str, str]
    hint: str
    credentials: Mapping[str, str] = field(repr=False)

    @property
    def near(self) -> bool:
        """Whether the provider is on this machine, as a sandbox is."""
        return all(_is_near(url) for url in self.base_urls)

    def bases(self, request: Request) -> tuple[str, ...]:
        """The addresses that may be asked, in order."""
        if request.foreign:
            return ("",)
        return (self.hosts[request.host],) if request.host else self.base_urls

    def request(
        self, request: Request, files: Files, base: str, authorization: Mapping[str, str]
    ) -> httpx.Request:
        """The request as HTTP to one of its `bases`, with credentials and files.

        Raises:
            ProviderRefused: the address is none (`bad-base-url`).
            Unclear: the provider wants headers that cannot be sent.
        """
        headers = (
            upload_headers(request.headers)
            if request.foreign
            else {**_HEADERS, **request.headers, **authorization}
        )
        url = base + request.path
        try:
            if request.content is not None:
                body = files.body(request.content)
                return httpx.Request(request.method, url, headers=headers, content=body)
            if request.form or request.files:
                parts = form_parts(request.form, [files.part(part) for part in request.files])
                return httpx.Request(request.method, url, headers=headers, files=parts)
            document = request.json
            if document is not None and request.encoded:
                texts = {part.field: files.base64(part.input) for part in request.encoded}
                document = {**document, **texts}
            return httpx.Request(request.method, url, headers=headers, json=document)
        except (httpx.InvalidURL, ValueError) as error:
            raise ProviderRefused(
                "bad-base-url",
                f"The address of {self.adapter.label} is not one.",
                "Correct the provider's base URL in its settings.",
            ) from error

    def refusal(self, answer: Answer) -> Exception:
        """What an answer that is not 2xx means, with what to do about it."""
        return self.advised(self.adapter.refuse(answer))

    def advised(self, error: Exception) -> Exception:
        """The error; where the key was refused, with the command that sets another."""
        if not isinstance(error, ProviderRefused | AccountBlocked):
            return error
        told = error.failure
        if told.code != "bad-credentials" or told.next_step:
            return error
        return type(error)(told.code, told.sentence, self.hint)


def without_secrets(body: bytes, *held: Mapping[str, str]) -> bytes:
    """An answer as anyone may see it; a provider may quote the key or token that it refuses."""
    for values in held:
        for value in values.values():
            secret = value.rpartition(" ")[2]
            if len(secret) >= MIN_SECRET:
                for written in (secret, secret.replace("/", "\\/")):
                    body = body.replace(written.encode(), b"[key]")
    return body


def fault_of(adapter: Adapter, held: Mapping[str, str], environment: str) -> AccountBlocked | None:
    """Why what its secret holds does not set the provider up; None when it does."""
    lacking = [name for name in adapter.credential_names if not held.get(name)]
    if lacking and any(held.values()):
        secret = f"The secret {secret_of(adapter, environment)} lacks {' and '.join(lacking)}."
        return AccountBlocked("not-set-up", secret)
    if lacking:
        return AccountBlocked("not-set-up", no_key(adapter))
    if all(_fits_a_header(_on_one_line(held[name])) for name in adapter.credential_names):
        return None
    return AccountBlocked(
        "bad-credentials", f"The key for {adapter.label} holds characters that no key has."
    )


def no_key(adapter: Adapter) -> str:
    """The sentence about a provider that nobody has set up."""
    return f"{adapter.label} has no key here."


def secret_of(adapter: Adapter, environment: str) -> str:
    """The name of the secret that holds its credentials."""
    return f"darkroom/{environment}/{adapter.name}"


def digest_of_credentials(adapter: Adapter, held: Mapping[str, str]) -> str:
    """Tells one set of credentials from another, and nothing of what they are.

    The first 16 hex digits of a SHA-256: enough to tell apart, and useless for finding a key.
    """
    used = {name: held.get(name, "").strip() for name in adapter.credential_names}
    written = json.dumps([adapter.name, used], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def set_up_hint(adapter: Adapter, environment: str) -> str:
    """The sentence that says how to set the provider up."""
    secret = json.dumps(dict.fromkeys(adapter.credential_names, "..."))
    return (
        "Set it with: aws secretsmanager put-secret-value"
        f" --secret-id {secret_of(adapter, environment)} --secret-string '{secret}'"
    )


def open_account(adapter: Adapter, held: Mapping[str, str], environment: str) -> Account:
    """The provider with what its secret holds.

    Raises:
        AccountBlocked: `not-set-up`, or `bad-credentials` for a key that no header can carry.
    """
    hint = set_up_hint(adapter, environment)
    fault = fault_of(adapter, held, environment)
    if fault is not None:
        raise AccountBlocked(fault.failure.code, fault.failure.sentence, hint)
    credentials = {name: _on_one_line(held[name]) for name in adapter.credential_names}
    elsewhere = held.get("base_url")
    return Account(
        adapter=adapter,
        base_urls=tuple(
            url.rstrip("/") for url in ((elsewhere,) if elsewhere else adapter.base_urls)
        ),
        hosts={
            name: (held.get(f"{name}_url") or elsewhere or url).rstrip("/")
            for name, url in adapter.hosts.items()
        },
        hint=hint,
        credentials=credentials,
    )


def _on_one_line(value: str) -> str:
    """The value without space around it; a PEM file's lines end as they do in JSON."""
    value = value.strip()
    if value.startswith("-----BEGIN "):
        value = value.replace("\r", "").replace("\n", "\\n")
    return value


def _fits_a_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable()


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
