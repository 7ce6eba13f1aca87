"""The trigger of a task, and its order: the resolved spec, with every input pinned."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from darkroom.domain.budgets import Budget
from darkroom.domain.object_keys import digest_of, spec_key
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.turns import DEFAULT_PRIORITY

OnUnknown = Literal["hold", "fail", "retry"]


@dataclass(frozen=True)
class Trigger:
    """What triggered the task: an upload, or a message.

    Attributes:
        kind: `upload` of a spec, a `message` that carried one, or a `photo` under a folder default.
        bucket: the input bucket.
        key: the spec's key; for a message or a photo the key that its spec would have beside its
            source.
        version: version id of spec or photo, or the ETag in a bucket without versioning; for a
            message its `request_id` or a digest of its content with the day.
        asked_at: when a message without a `request_id` was sent; not part of the task's id.
        source: the photo's key; None for the other kinds.
        label: of the photo's spec in the folder default, if that has several; None for the others.
        content: a digest of what a message with a `request_id` asks for; not part of the task's id.
            None for the others, and for messages of older versions of the code.
    """

    kind: Literal["upload", "message", "photo"]
    bucket: str
    key: str
    version: str
    asked_at: datetime | None = None
    source: str | None = None
    label: str | None = None
    content: str | None = None

    @property
    def request_id(self) -> str | None:
        """The sender's id of a message; None if it has none."""
        return self.version if self.kind == "message" and self.asked_at is None else None

    @property
    def task_id(self) -> str:
        """The id of its task: a digest of the trigger and of nothing else."""
        if self.kind == "photo":
            name = (self.source or "", self.version, self.label or "")
            return digest_of(self.kind, self.bucket, *name)
        return digest_of(self.kind, self.bucket, self.key, self.version)

    @property
    def uploaded(self) -> str | None:
        """The key of the upload that it is about; None for a message."""
        return None if self.kind == "message" else self.source or self.key

    @staticmethod
    def of_photo(bucket: str, source: str, version: str, label: str | None) -> "Trigger":
        """The trigger of a photo under a folder default."""
        key = spec_key(source, label)
        return Trigger("photo", bucket, key, version, source=source, label=label)


@dataclass(frozen=True)
class Input:
    """One input file, pinned to a version. Size in bytes."""

    key: str
    version_id: str
    etag: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Choice:
    """A provider that can do it, and its model."""

    provider: str
    model: str


@dataclass(frozen=True)
class UsedDefault:
    """A folder default from which something of a spec comes, pinned to a version."""

    key: str
    version_id: str


@dataclass(frozen=True)
class SpecFacts:
    """What a spec says that was refused, or is not resolved yet; unchecked, None if not readable.

    Attributes:
        provider: the first that it names.
    """

    operation: str | None = None
    provider: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """The resolved spec: what will be done, with every input pinned.

    Attributes:
        choices: in order of preference.
        keys: role -> keys of its files, also of missing ones.
        inputs: role -> the files, pinned; empty while the task is waiting.
        params: as written in the spec, checked against every choice.
        priority: 0 to 9; higher ones are called first.
        output: what the spec says of names and places: `name` and `folder`, as written.
        defaults: the folder defaults from which something comes, the nearest first.
        budgets: those of the folders that its photo is in, as they were then.
        max_price: what a call may cost; None for any price.
        reuse: whether results of an earlier task of the same order are copied.
        leaves_empty: whether another provider does it at once where an account is empty.
    """

    operation: str
    choices: tuple[Choice, ...]
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inputs: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    on_unknown: OnUnknown = "hold"
    priority: int = DEFAULT_PRIORITY
    output: Mapping[str, str] = field(default_factory=dict)
    defaults: tuple[UsedDefault, ...] = ()
    budgets: tuple[Budget, ...] = ()
    max_price: PriceLimit | None = None
    reuse: bool = False
    leaves_empty: bool = False

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the chosen providers, in order of preference."""
        return tuple(choice.provider for choice in self.choices)

    @property
    def work_digest(self) -> str:
        """The same for two orders of the same work: bytes, operation, parameters, providers.

        Bytes are compared by ETag and size, so that they need not be read.
        """
        files = {
            role: [[file.etag, file.size] for file in files] for role, files in self.inputs.items()
        }
        choices = [[choice.provider, choice.model] for choice in self.choices]
        work = [self.operation, choices, files, dict(self.params)]
        return digest_of("work", json.dumps(work, sort_keys=True))

    def with_digests(self, sha256: Mapping[str, str]) -> "Order":
        """The order with the digests (key -> hex) of the inputs that were read."""
        inputs = {
            role: tuple(replace(file, sha256=sha256.get(file.key, file.sha256)) for file in files)
            for role, files in self.inputs.items()
        }
        return replace(self, inputs=inputs)
