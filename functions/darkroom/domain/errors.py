"""Every way a task can go wrong, as one tree.

DarkroomError
├── Refused              it cannot be done as asked; nothing was paid; asking again changes nothing
│   ├── SpecRefused      the spec says something that is not allowed
│   ├── InputRefused     a file is missing, empty, too large or not what its name says
│   └── ProviderRefused  the provider answered no before it accepted anything
├── Throttled            the provider asked to come back later; nothing was paid
│   └── AccountBlocked   the provider takes nothing from this account for now; nothing was paid
├── NotSent              the request did not reach the provider; nothing was paid
├── Unclear              a paid call may or may not have been accepted
├── ResultGone           the job is done but its result is not at its address
├── Busy                 something outside is unavailable for the moment; the workflow tries again
│   ├── OutOfTime        this process would end before the call does
│   ├── InputWithheld    S3 shows a file and does not give it, until somebody sees to it
│   └── OwnTrouble       a bucket, the table or a secret of our own is in the way, no provider
└── Conflict             someone else changed the task first; read it again

Whether a call may be repeated and whether money may have moved are facts of the class. A message
is for people: never branch on its text.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

Money = Literal["no", "maybe"]


@dataclass(frozen=True)
class Failure:
    """What a manifest says about a task that has no results.

    Attributes:
        code: stable, kebab-case; programs may branch on it.
        sentence: one plain sentence for the person who dropped the file.
        next_step: what to do about it, one sentence.
    """

    code: str
    sentence: str
    next_step: str = ""


class DarkroomError(Exception):
    """Anything that Darkroom itself raises; carries what the manifest will say."""

    repeatable: ClassVar[bool] = False
    money_moved: ClassVar[Money] = "no"

    def __init__(self, code: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.failure = Failure(code, sentence, next_step)


class Refused(DarkroomError):
    """It cannot be done as asked; nothing was paid; asking again changes nothing."""


class SpecRefused(Refused):
    """The spec says something that is not allowed."""


class InputRefused(Refused):
    """An input file is missing, empty, too large or not what its name says."""


class ProviderRefused(Refused):
    """The provider answered no before it accepted anything."""


class Throttled(DarkroomError):
    """The provider asked to come back later; nothing was paid.

    Attributes:
        retry_after_s: seconds the provider asked for, or None when it did not say.
    """

    repeatable = True

    def __init__(
        self, code: str, sentence: str, next_step: str = "", *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(code, sentence, next_step)
        self.retry_after_s = retry_after_s


class AccountBlocked(Throttled):
    """The provider takes nothing from this account for now: no credits, or a refused key."""


class NotSent(DarkroomError):
    """The request did not reach the provider (DNS, connect, TLS, body not fully sent)."""

    repeatable = True


class Unclear(DarkroomError):
    """A paid call may or may not have been accepted; it is never repeated blindly."""

    money_moved: ClassVar[Money] = "maybe"


class ResultGone(DarkroomError):
    """The job is done and paid, but its result is not at its address: not yet, or no longer."""


class Busy(DarkroomError):
    """Something outside is unavailable for the moment; the workflow retries by its kinds' names."""

    repeatable = True


class OutOfTime(Busy):
    """This process would end before the call does; another one will have the time."""


class InputWithheld(Busy):
    """S3 shows a file and does not give it: it is archived, or its key or policy forbids it.

    Attributes:
        announced: whether S3 sends an event once it can be read.
    """

    def __init__(
        self, code: str, sentence: str, next_step: str = "", *, announced: bool = False
    ) -> None:
        super().__init__(code, sentence, next_step)
        self.announced = announced


class OwnTrouble(Busy):
    """A bucket, the table or a secret of our own is in the way; no provider has to do with it."""


class Conflict(DarkroomError):
    """A conditional write lost: someone else changed the task first."""

    repeatable = True

    def __init__(self, sentence: str) -> None:
        super().__init__("conflict", sentence)
