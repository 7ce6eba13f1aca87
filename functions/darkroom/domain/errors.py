"""Every way a task can go wrong, as one tree.

DarkroomError
├── Refused              it cannot be done as specified; nothing was paid; a retry changes nothing
│   ├── SpecRefused      the spec contains something that is not allowed
│   │   └── DefaultRefused   a folder default does; the photos below it wait for its correction
│   ├── InputRefused     a file is missing, empty, too large or not what its name says
│   └── ProviderRefused  the provider refused before it accepted anything
├── Throttled            the provider asked us to retry later (429); nothing was paid
│   └── AccountBlocked   the provider refuses every call of this account; nothing was paid
├── NotSent              the request did not reach the provider; nothing was paid
├── Unclear              a paid call may or may not have been accepted
├── ResultGone           the job is done but its result is not at its URL
├── Busy                 something outside is temporarily unavailable; the workflow tries again
│   ├── OutOfTime        this process would end before the call does
│   ├── InputWithheld    S3 lists a file but does not return it until a person acts
│   └── OwnTrouble       a bucket, the table or a secret of our own fails, not a provider
├── OverBudget           a budget has no room for a paid call; nothing was written
└── Conflict             another process changed the task first; read it again

Whether a call may be repeated and whether money may have moved are facts of the class. A message
is for users: never branch on its text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Money = Literal["no", "maybe"]


@dataclass(frozen=True)
class Failure:
    """What a manifest says about a task without results.

    Attributes:
        code: stable, kebab-case; programs may branch on it.
        sentence: one plain sentence for the user who uploaded the file.
        next_step: what to do about it, one sentence.
    """

    code: str
    sentence: str
    next_step: str = ""


def join_reasons(reasons: Mapping[str, Failure]) -> Failure:
    """One failure of several providers that refused, each with its reason.

    Args:
        reasons: provider -> why it refused, the user's first choice first; at least one. Code and
            next step are those of the first.
    """
    sentences = [
        why.sentence if provider in why.sentence else f"{provider}: {why.sentence}"
        for provider, why in reasons.items()
    ]
    first = next(iter(reasons.values()))
    if len({why.sentence for why in reasons.values()}) == 1:
        return first
    return Failure(first.code, " ".join(sentences), first.next_step)


class DarkroomError(Exception):
    """Base of all errors that Darkroom raises; carries the failure for the manifest."""

    repeatable: ClassVar[bool] = False
    money_moved: ClassVar[Money] = "no"

    def __init__(self, code: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.failure = Failure(code, sentence, next_step)


class Refused(DarkroomError):
    """It cannot be done as specified; nothing was paid; a retry changes nothing."""


class SpecRefused(Refused):
    """The spec contains something that is not allowed.

    Attributes:
        document: the spec's JSON, if it could be read as such.
    """

    document: object = None


class DefaultRefused(SpecRefused):
    """A folder default contains something that is not allowed.

    Attributes:
        key: of the `_darkroom.json` to correct.
        version_id: of the file, if it was read.
        recheck: whether it may be right without a change of the file: a permission is granted, or
            a provider is set up. Neither sends an event.
    """

    def __init__(
        self, key: str, why: Failure, version_id: str | None = None, *, recheck: bool = False
    ) -> None:
        super().__init__(why.code, why.sentence, why.next_step)
        self.key = key
        self.version_id = version_id
        self.recheck = recheck


class InputRefused(Refused):
    """An input file is missing, empty, too large or not what its name says."""


class ProviderRefused(Refused):
    """The provider refused before it accepted anything."""


class Throttled(DarkroomError):
    """The provider asked us to retry later; nothing was paid.

    Attributes:
        retry_after_s: the wait that the provider set, seconds, or None.
    """

    repeatable = True

    def __init__(
        self, code: str, sentence: str, next_step: str = "", *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(code, sentence, next_step)
        self.retry_after_s = retry_after_s


class AccountBlocked(Throttled):
    """The provider refuses every call of this account for now: no credits, or a refused key."""


class NotSent(DarkroomError):
    """The request did not reach the provider (DNS, connect, TLS, body not fully sent)."""

    repeatable = True


class Unclear(DarkroomError):
    """A paid call may or may not have been accepted; it is never repeated blindly."""

    money_moved: ClassVar[Money] = "maybe"


class ResultGone(DarkroomError):
    """The job is done and paid, but its result is not at its URL: not yet, or no longer."""


class Busy(DarkroomError):
    """Something outside is temporarily unavailable; the workflow retries by the class names."""

    repeatable = True


class OutOfTime(Busy):
    """This process would end before the call does; the next one has the time."""


class InputWithheld(Busy):
    """S3 lists a file but does not return it: it is archived, or a key or policy forbids it.

    Attributes:
        announced: whether S3 sends an event once the file can be read.
    """

    def __init__(
        self, code: str, sentence: str, next_step: str = "", *, announced: bool = False
    ) -> None:
        super().__init__(code, sentence, next_step)
        self.announced = announced


class OwnTrouble(Busy):
    """A bucket, the table or a secret of our own fails; no provider is involved."""


class OverBudget(DarkroomError):
    """A budget has no room for what a paid call may cost; nothing was written.

    Attributes:
        account: the name of the budget's account.
        limit: what it may hold, in millionths.
    """

    repeatable = True

    def __init__(self, account: str, limit: int) -> None:
        super().__init__("over-budget", "A budget has no room for the call.")
        self.account, self.limit = account, limit


class Conflict(DarkroomError):
    """A conditional write lost its race: another process changed the task first."""

    repeatable = True

    def __init__(self, sentence: str) -> None:
        super().__init__("conflict", sentence)
