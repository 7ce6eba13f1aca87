"""What every status of HTTP means for a call that may cost money: one table for all providers.

The question is always the same: was anything accepted? A status whose own definition says that it
was not is clear; everything else is doubtful, and a doubtful paid call is never repeated blindly.
Where a vendor documents another meaning, its adapter asks its own table first.

Sections are those of RFC 9110 (HTTP Semantics) where nothing else is said.
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
"""`yes`: read the answer. `refused`: nothing was accepted, and asking again changes nothing.
`blocked`: nothing was accepted, nor will be until the account is put right. `later`: nothing was
accepted, and it may be asked again. `unclear`: nobody knows from the status alone."""


@dataclass(frozen=True)
class Meaning:
    """One row.

    Attributes:
        source: who says so.
        code: stable, of the failure; "" for a yes.
        sentence: `{who}` is the provider, `{said}` its own words, `{status}` the number.
        next_step: what to do about it.
    """

    verdict: Verdict
    source: str
    code: str = ""
    sentence: str = ""
    next_step: str = ""


_CORRECT = "Correct the spec or the file, then upload the spec again."
_BASE_URL = "Check the provider's base URL in its settings."


def _yes(source: str) -> Meaning:
    return Meaning("yes", source)


def _no(source: str) -> Meaning:
    """The client's error: what was asked is wrong."""
    sentence = "{who} refused the request{said}."
    return Meaning("refused", source, "provider-refused", sentence, _CORRECT)


def _elsewhere(source: str) -> Meaning:
    """A redirect: what was asked was not done here, and a paid call follows nobody elsewhere."""
    sentence = "{who} points to another address (status {status}) and took nothing at this one."
    return Meaning("refused", source, "not-offered", sentence, _BASE_URL)


def _not_here(source: str) -> Meaning:
    """The address is wrong, or does not speak this way."""
    sentence = "{who} does not offer this operation at the address in use."
    return Meaning("refused", source, "not-offered", sentence, _BASE_URL)


def _later(source: str) -> Meaning:
    return Meaning("later", source, "provider-busy", "{who} asked to come back later.")


def _doubt(source: str) -> Meaning:
    sentence = "{who} answered with error {status}; it may have taken the job."
    return Meaning("unclear", source, "provider-error", sentence)


STATUSES: Final[Mapping[int, Meaning]] = {
    # 15.2: interim; the answer itself never came.
    100: _doubt("15.2.1, never an answer by itself"),
    101: _doubt("15.2.2, and no other protocol was asked for"),
    102: _doubt("RFC 2518 10.1: it is still at it"),
    103: _doubt("RFC 8297: a hint, and no answer"),
    # 15.3: yes. What the answer lacks is for the adapter to find out.
    200: _yes("15.3.1"),
    201: _yes("15.3.2; Apiframe's uploads"),
    202: _yes("15.3.3; Apiframe's jobs"),
    203: _yes("15.3.4: a proxy has changed the answer, not the deed"),
    204: _yes("15.3.5: done; that it names no job leaves it in doubt"),
    205: _yes("15.3.6: as 204"),
    206: _yes("15.3.7: done; of a part the JSON does not parse"),
    207: _yes("RFC 4918 11.1"),
    208: _yes("RFC 5842 7.1"),
    226: _yes("RFC 3229 10.4.1"),
    # 15.4: "further action needs to be taken by the user agent in order to fulfill the request".
    300: _elsewhere("15.4.1"),
    301: _elsewhere("15.4.2"),
    302: _elsewhere("15.4.3"),
    303: _doubt("15.4.4: where the result of what was done can be seen"),
    304: _doubt("15.4.5: no answer to a POST at all"),
    305: _elsewhere("15.4.6"),
    306: _elsewhere("15.4.7, read as 300"),
    307: _elsewhere("15.4.8"),
    308: _elsewhere("15.4.9"),
    # 15.5: "the client seems to have erred"; what is not here is read as 400 (15).
    400: _no("15.5.1; Apiframe, GoAPI, Perfect and SnapAPI document it as not accepted"),
    401: Meaning(
        "blocked",
        "15.5.2; Apiframe, GoAPI, Perfect and SnapAPI document it for a bad key",
        "bad-credentials",
        "{who} does not accept the key it was given.",
    ),
    402: Meaning(
        "blocked",
        "15.5.3 reserves it; Apiframe's OpenAPI document: insufficient credits",
        "no-credits",
        "The account at {who} has too few credits for this.",
        "Add credits at {who}; the task goes on by itself.",
    ),
    403: Meaning(
        "blocked",
        "15.5.4; Apiframe: an inactive key, or one without the right; GoAPI: too low a plan",
        "bad-credentials",
        "{who} does not let this key do that{said}.",
    ),
    404: _not_here("15.5.5"),
    405: _not_here("15.5.6"),
    406: _no("15.5.7"),
    407: _not_here("15.5.8: a proxy on the way let nothing through"),
    # The wire has sent the whole request, so whoever says that it did not come means something
    # else; servers also say it when their own work took too long.
    408: _doubt("15.5.9 speaks of an incomplete request, and ours was complete"),
    409: _doubt("15.5.10: with what was there before, and that may be this very job"),
    410: _not_here("15.5.11"),
    411: _no("15.5.12"),
    412: _no("15.5.13"),
    413: Meaning(
        "refused",
        "15.5.14",
        "input-too-large",
        "A file is larger than {who} accepts.",
        "Make the file smaller, then upload it and the spec again.",
    ),
    414: _no("15.5.15"),
    415: Meaning(
        "refused",
        "15.5.16",
        "wrong-format",
        "A file has a format that {who} does not accept{said}.",
        "Save the file as PNG or JPEG, then upload it and the spec again.",
    ),
    416: _no("15.5.17"),
    417: _no("15.5.18"),
    421: _not_here("15.5.20: no answer can be had here"),
    422: _no("15.5.21: understood, and not processed"),
    425: _later("RFC 8470 5.2: the server did not risk to process it"),
    426: _not_here("15.5.22: not by this protocol"),
    428: _no("RFC 6585 3"),
    429: _later("RFC 6585 4; Apiframe, Perfect and SnapAPI document it as not accepted"),
    431: _no("RFC 6585 5"),
    451: _no("RFC 7725 3"),
    # Not of the standard: written by a server whose client, or backend, was too slow.
    460: _doubt("AWS's load balancers: the client went away while the work went on"),
    499: _doubt("nginx: the client went away while the work went on"),
    # 15.6: "the server is aware that it has erred"; how far it got it does not say.
    500: _doubt("15.6.1"),
    501: _doubt("15.6.2, though a backend behind it may say so, too"),
    502: _doubt("15.6.3: what the server behind has done is not known"),
    503: _doubt("15.6.4 does not say how far it got; Apiframe does, in its own table"),
    504: _doubt("15.6.5: the server behind is late, and may be at work"),
    505: _doubt("15.6.6"),
}

# 15: "a client MUST understand the class ... and treat an unrecognized status code as being
# equivalent to the x00".
CLASSES: Final[Mapping[int, Meaning]] = {
    1: _doubt("15.2"),
    2: _yes("15.3"),
    3: _elsewhere("15.4"),
    4: _no("15.5"),
    5: _doubt("15.6"),
}

NO_STATUS: Final = _doubt("no status of HTTP; some envelopes count in their own way")


def meaning_of(status: int) -> Meaning:
    """The row of a status, or else that of its class."""
    return STATUSES.get(status) or CLASSES.get(status // 100) or NO_STATUS


def refusal(who: str, status: int, said: str, retry_after_s: int | None) -> DarkroomError:
    """The error for a status that is no yes, as far as HTTP alone gives it a meaning.

    Args:
        who: the provider, as sentences name it.
        status: HTTP's, or one that an envelope gives in its place.
        said: the provider's own words, made quotable; "" for none.
        retry_after_s: how long it asked to be left alone.
    """
    means = meaning_of(status)
    return error_of(who, means, status=status, said=said, retry_after_s=retry_after_s)


def error_of(
    who: str,
    means: Meaning,
    *,
    status: int = 0,
    said: str = "",
    retry_after_s: int | None = None,
) -> DarkroomError:
    """The error of a row, with its sentences filled in; a yes that is no yes is `Unclear`."""
    told = {"who": who, "status": status, "said": f": {said}" if said else ""}
    code, sentence = means.code, means.sentence.format(**told)
    next_step = means.next_step.format(**told)
    match means.verdict:
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
