"""What every HTTP status means for a call that may cost money: one table for all providers.

The question is always: was the call accepted? If the definition of the status says that it was not,
that is clear; everything else is unclear, and an unclear paid call is never repeated blindly. If a
vendor documents another meaning, its adapter consults its own table first.

Sections without a source are those of RFC 9110 (HTTP Semantics).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from darkroom.domain.errors import (
    AccountBlocked,
    DarkroomError,
    ProviderRefused,
    Throttled,
    Unclear,
)

Verdict = Literal["yes", "refused", "blocked", "later", "unclear"]
"""`yes`: read the response. `refused`: nothing was accepted, and retrying does not help. `blocked`:
nothing was accepted, and nothing will be until the account is corrected. `later`: nothing was
accepted, and a retry may help. `unclear`: the status alone does not say."""


@dataclass(frozen=True)
class Meaning:
    """One row.

    Attributes:
        verdict: see `Verdict`.
        source: where this meaning is documented.
        code: the failure's stable code; "" for `yes`.
        sentence: `{provider}` is its name, `{quote}` its own words, `{status}` the number.
        next_step: what the user can do.
    """

    verdict: Verdict
    source: str
    code: str = ""
    sentence: str = ""
    next_step: str = ""


_CORRECT = "Correct the spec or the file, then upload the spec again."
_BASE_URL = "Check the provider's base URL in its settings."


def _success(source: str) -> Meaning:
    return Meaning("yes", source)


def _client_error(source: str) -> Meaning:
    """The client's error: the request is wrong."""
    sentence = "{provider} refused the request{quote}."
    return Meaning("refused", source, "provider-refused", sentence, _CORRECT)


def _redirect(source: str) -> Meaning:
    """A redirect: this address did nothing, and a paid call is never sent on to another."""
    sentence = (
        "{provider} points to another address (status {status}) and took nothing at this one."
    )
    return Meaning("refused", source, "not-offered", sentence, _BASE_URL)


def _not_offered(source: str) -> Meaning:
    """The address is wrong, or does not support such requests."""
    sentence = "{provider} does not offer this operation at the address in use."
    return Meaning("refused", source, "not-offered", sentence, _BASE_URL)


def _later(source: str) -> Meaning:
    return Meaning("later", source, "provider-busy", "{provider} asked to come back later.")


def _unclear(source: str) -> Meaning:
    sentence = "{provider} answered with error {status}; it may have taken the job."
    return Meaning("unclear", source, "provider-error", sentence)


STATUSES: Final[Mapping[int, Meaning]] = {
    # 15.2: interim; the final response never came.
    100: _unclear("15.2.1, never a final response"),
    101: _unclear("15.2.2, and no other protocol was requested"),
    102: _unclear("RFC 2518 10.1: still processing"),
    103: _unclear("RFC 8297: a hint, not a response"),
    # 15.3: success. The adapter finds out what is missing in the response.
    200: _success("15.3.1"),
    201: _success("15.3.2; Apiframe's uploads"),
    202: _success("15.3.3; Apiframe's jobs"),
    203: _success("15.3.4: a proxy changed the response, not what was done"),
    204: _success("15.3.5: done; without a job id it becomes unclear"),
    205: _success("15.3.6: as 204"),
    206: _success("15.3.7: done; JSON in parts does not parse"),
    207: _success("RFC 4918 11.1"),
    208: _success("RFC 5842 7.1"),
    226: _success("RFC 3229 10.4.1"),
    # 15.4: "further action needs to be taken by the user agent in order to fulfill the request".
    300: _redirect("15.4.1"),
    301: _redirect("15.4.2"),
    302: _redirect("15.4.3"),
    303: _unclear("15.4.4: where the result of the action is"),
    304: _unclear("15.4.5: not a response to POST"),
    305: _redirect("15.4.6"),
    306: _redirect("15.4.7, read as 300"),
    307: _redirect("15.4.8"),
    308: _redirect("15.4.9"),
    # 15.5: "the client seems to have erred"; a status that is missing here means 400 (15).
    400: _client_error("15.5.1; Apiframe, GoAPI, Perfect and SnapAPI document it as not accepted"),
    401: Meaning(
        "blocked",
        "15.5.2; Apiframe, GoAPI, Perfect and SnapAPI document it for a bad key",
        "bad-credentials",
        "{provider} does not accept the key.",
    ),
    402: Meaning(
        "blocked",
        "15.5.3 reserves it; Apiframe's OpenAPI document: insufficient credits",
        "no-credits",
        "The account at {provider} has too few credits for this.",
        "Add credits at {provider}; the task goes on by itself.",
    ),
    403: Meaning(
        "blocked",
        "15.5.4; Apiframe: an inactive key, or one without the right; GoAPI: too low a plan",
        "bad-credentials",
        "{provider} does not let this key do that{quote}.",
    ),
    404: _not_offered("15.5.5"),
    405: _not_offered("15.5.6"),
    406: _client_error("15.5.7"),
    407: _not_offered("15.5.8: a proxy let nothing through"),
    # The transport has sent the whole request, so a server cannot have missed a part of it;
    # servers also send it when their own work took too long.
    408: _unclear("15.5.9 speaks of an incomplete request, and ours was complete"),
    409: _unclear("15.5.10: with what exists, and that may be this very job"),
    410: _not_offered("15.5.11"),
    411: _client_error("15.5.12"),
    412: _client_error("15.5.13"),
    413: Meaning(
        "refused",
        "15.5.14",
        "input-too-large",
        "A file is larger than {provider} accepts.",
        "Make the file smaller, then upload it again.",
    ),
    414: _client_error("15.5.15"),
    415: Meaning(
        "refused",
        "15.5.16",
        "wrong-format",
        "A file has a format that {provider} does not accept{quote}.",
        "Save the file as PNG or JPEG, then upload it again.",
    ),
    416: _client_error("15.5.17"),
    417: _client_error("15.5.18"),
    421: _not_offered("15.5.20: this server cannot respond"),
    422: _client_error("15.5.21: understood but not processed"),
    425: _later("RFC 8470 5.2: the server did not risk processing it"),
    426: _not_offered("15.5.22: not over this protocol"),
    428: _client_error("RFC 6585 3"),
    429: _later("RFC 6585 4; Apiframe, Perfect and SnapAPI document it as not accepted"),
    431: _client_error("RFC 6585 5"),
    451: _client_error("RFC 7725 3"),
    # Not standard: of servers whose client, or backend, was too slow.
    460: _unclear("AWS load balancers: the client went away while the work continued"),
    499: _unclear("nginx: the client went away while the work continued"),
    # 15.6: "the server is aware that it has erred"; not how far it got.
    500: _unclear("15.6.1"),
    501: _unclear("15.6.2, though a backend behind it may send it too"),
    502: _unclear("15.6.3: what the backend has done is not known"),
    503: _unclear("15.6.4 does not say how far it got; Apiframe does, see its table"),
    504: _unclear("15.6.5: the backend is late, and may be at work"),
    505: _unclear("15.6.6"),
}

# 15: "a client MUST understand the class ... and treat an unrecognized status code as being
# equivalent to the x00".
CLASSES: Final[Mapping[int, Meaning]] = {
    1: _unclear("15.2"),
    2: _success("15.3"),
    3: _redirect("15.4"),
    4: _client_error("15.5"),
    5: _unclear("15.6"),
}

NO_STATUS: Final = _unclear("not an HTTP status; some envelopes have their own numbers")


def meaning_of(status: int) -> Meaning:
    """The row of a status, or else of its class."""
    return STATUSES.get(status) or CLASSES.get(status // 100) or NO_STATUS


def error_for_status(
    provider: str, status: int, quote: str, retry_after_s: int | None
) -> DarkroomError:
    """The error for a status other than 2xx, by HTTP's own meaning.

    Args:
        provider: its name in messages.
        status: HTTP's, or the one that an envelope gives instead.
        quote: the provider's own words, made quotable; "" for none.
        retry_after_s: the pause that it asked for.
    """
    meaning = meaning_of(status)
    return error_for(provider, meaning, status=status, quote=quote, retry_after_s=retry_after_s)


def error_for(
    provider: str,
    meaning: Meaning,
    *,
    status: int = 0,
    quote: str = "",
    retry_after_s: int | None = None,
) -> DarkroomError:
    """The error of a row, with its sentences filled in; for a `yes` it is `Unclear`."""
    words = {"provider": provider, "status": status, "quote": f": {quote}" if quote else ""}
    code, sentence = meaning.code, meaning.sentence.format(**words)
    next_step = meaning.next_step.format(**words)
    match meaning.verdict:
        case "refused":
            return ProviderRefused(code, sentence, next_step)
        case "blocked":
            return AccountBlocked(code, sentence, next_step, retry_after_s=retry_after_s)
        case "later":
            return Throttled(code, sentence, next_step, retry_after_s=retry_after_s)
        case "unclear":
            return Unclear(code, sentence, next_step)
        case "yes":
            return Unclear("unreadable-answer", "The provider's answer could not be read.")
