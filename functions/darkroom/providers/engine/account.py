"""One provider with its credentials: is it set up, and under which addresses is it called?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from darkroom.providers.adapter import Adapter, Request, Response

MIN_SECRET_LENGTH = 8
"""Characters. Shorter values are not treated as secrets: redacting them would damage responses."""


@dataclass(frozen=True)
class Account:
    """A provider that can be called.

    Attributes:
        adapter: the provider.
        base_urls: addresses of its API; the next is tried when nothing was sent to the one before.
        hosts: its other hosts, by name.
        setup_hint: the sentence that says how to set its key.
        credentials: the values of its secret that the adapter needs.
    """

    adapter: Adapter
    base_urls: tuple[str, ...]
    hosts: Mapping[str, str]
    setup_hint: str
    credentials: Mapping[str, str] = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether the provider runs on this machine, as a sandbox does."""
        return all(_is_loopback_url(url) for url in self.base_urls)

    def base_urls_for(self, request: Request) -> tuple[str, ...]:
        """The base URLs to try for a request, in order."""
        if request.is_external:
            return ("",)
        return (self.hosts[request.host],) if request.host else self.base_urls

    def read_error(self, response: Response) -> Exception:
        """What a response other than 2xx means, as an error that says what to do about it."""
        return self.with_setup_hint(self.adapter.read_error(response))

    def with_setup_hint(self, error: Exception) -> Exception:
        """The error; if the key was refused, with the command that sets another key."""
        if not isinstance(error, ProviderRefused | AccountBlocked):
            return error
        failure = error.failure
        if failure.code != "bad-credentials" or failure.next_step:
            return error
        return type(error)(failure.code, failure.sentence, self.setup_hint)


def redact_secrets(body: bytes, *secrets: Mapping[str, str]) -> bytes:
    """The body without these secrets: a provider may quote the key or token that it refuses."""
    for values in secrets:
        for value in values.values():
            secret = value.rpartition(" ")[2]
            if len(secret) >= MIN_SECRET_LENGTH:
                for written in (secret, secret.replace("/", "\\/")):
                    body = body.replace(written.encode(), b"[key]")
    return body


def setup_error(
    adapter: Adapter, secret: Mapping[str, str], environment: str
) -> AccountBlocked | None:
    """Why this secret does not set the provider up; None if it does."""
    missing = [name for name in adapter.credential_names if not secret.get(name)]
    if missing and any(secret.values()):
        sentence = f"The secret {secret_name(adapter, environment)} lacks {' and '.join(missing)}."
        return AccountBlocked("not-set-up", sentence)
    if missing:
        return AccountBlocked("not-set-up", no_key_sentence(adapter))
    if all(_fits_a_header(_on_one_line(secret[name])) for name in adapter.credential_names):
        return None
    return AccountBlocked(
        "bad-credentials", f"The key for {adapter.label} holds characters that no key has."
    )


def no_key_sentence(adapter: Adapter) -> str:
    """The sentence about a provider without any key."""
    return f"{adapter.label} has no key here."


def secret_name(adapter: Adapter, environment: str) -> str:
    """The name of the secret that holds the provider's credentials."""
    return f"darkroom/{environment}/{adapter.name}"


def digest_credentials(adapter: Adapter, secret: Mapping[str, str]) -> str:
    """A digest that differs between two sets of credentials and does not reveal them.

    The first 16 hex digits of a SHA-256: enough to tell keys apart, too few to find one.
    """
    used = {name: secret.get(name, "").strip() for name in adapter.credential_names}
    written = json.dumps([adapter.name, used], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def set_up_hint(adapter: Adapter, environment: str) -> str:
    """The sentence that says how to set the provider up."""
    return f"Set it with: darkroom keys set {adapter.name} --env {environment}"


def open_account(adapter: Adapter, secret: Mapping[str, str], environment: str) -> Account:
    """The provider with the credentials of its secret.

    Raises:
        AccountBlocked: `not-set-up`, or `bad-credentials` for a key that no header can carry.
    """
    hint = set_up_hint(adapter, environment)
    error = setup_error(adapter, secret, environment)
    if error is not None:
        raise AccountBlocked(error.failure.code, error.failure.sentence, hint)
    credentials = {name: _on_one_line(secret[name]) for name in adapter.credential_names}
    base_url = secret.get("base_url")
    return Account(
        adapter=adapter,
        base_urls=tuple(
            url.rstrip("/") for url in ((base_url,) if base_url else adapter.base_urls)
        ),
        hosts={
            name: (secret.get(f"{name}_url") or base_url or url).rstrip("/")
            for name, url in adapter.hosts.items()
        },
        setup_hint=hint,
        credentials=credentials,
    )


def _on_one_line(value: str) -> str:
    """The value without surrounding space; the line breaks of a PEM file are escaped as in JSON."""
    value = value.strip()
    if value.startswith("-----BEGIN "):
        value = value.replace("\r", "").replace("\n", "\\n")
    return value


def _fits_a_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable()


def _is_loopback_url(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
