"""What the folder defaults of a watched folder make of its photos."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.domain.errors import DefaultRefused
from darkroom.domain.object_keys import DEFAULT_NAME, is_source

if TYPE_CHECKING:
    from darkroom.domain.folder_default import Chain


def is_default(path: Path) -> bool:
    """Whether a file is a folder default, by its name."""
    return path.name == DEFAULT_NAME


class LocalDefaults:
    """The folder defaults below a folder, read anew for each photo."""

    def __init__(self, folder: Path) -> None:
        from infra.cli.explain.local_inputs import LocalInputs  # noqa: PLC0415 - brings pydantic along

        self._inputs: Any = LocalInputs(folder)

    def labels_of(self, key: str) -> Sequence[str | None]:
        """The labels of the tasks that folder defaults make of a photo; empty if they make none.

        Below a broken default there is one task, which waits for its correction.
        """
        from darkroom.domain.folder_match import why_left_alone  # noqa: PLC0415 - the same
        from darkroom.domain.merged_spec import labels_of  # noqa: PLC0415 - the same
        from darkroom.pipeline.orders.folder_defaults import find_chain, has_own_spec  # noqa: PLC0415 - the same

        if not is_source(key):
            return ()
        try:
            chain: Chain = find_chain(self._inputs, key)
        except DefaultRefused:
            return () if has_own_spec(self._inputs, key) else (None,)
        if why_left_alone(chain, key) or has_own_spec(self._inputs, key):
            return ()
        return labels_of(chain)

    def settle_s(self, key: str) -> int:
        """How long a photo waits for a spec of its own, seconds."""
        from darkroom.domain.folder_default import DEFAULT_SETTLE_S  # noqa: PLC0415 - brings pydantic along
        from darkroom.domain.folder_match import settle_s  # noqa: PLC0415 - brings pydantic along
        from darkroom.pipeline.orders.folder_defaults import find_chain  # noqa: PLC0415 - the same

        try:
            return settle_s(find_chain(self._inputs, key))
        except DefaultRefused:
            return DEFAULT_SETTLE_S
