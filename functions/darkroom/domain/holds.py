"""Why a task is held: it is complete, and nothing is paid until something changes.

budget     a budget has no room: it goes on by itself, in order
guard      too many tasks came at once: a person approves or cancels them
approval   its uploader wants that: a person approves it
"""

from dataclasses import dataclass
from typing import Literal

HoldKind = Literal["budget", "guard", "approval"]


@dataclass(frozen=True)
class Hold:
    """Why a task is held; `what` is a budget's owner, or the folder whose tasks are held."""

    kind: HoldKind
    what: str
