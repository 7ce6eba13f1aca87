"""A display that is redrawn in place on a terminal; without one its owner prints lines instead."""

from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live


class LiveDisplay:
    """A context manager; what `redraw` gets replaces what was there before.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    @property
    def redraws(self) -> bool:
        """Whether there is a terminal."""
        return self._live is not None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def redraw(self, picture: RenderableType) -> None:
        """Draw this, on a terminal."""
        if self._live is not None:
            self._live.update(picture, refresh=True)
