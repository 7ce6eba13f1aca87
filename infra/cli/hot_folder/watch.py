"""Watches a folder and keeps it in step with the buckets until interrupted."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import watchfiles

from infra.cli.hot_folder.sync import HotFolder

WATCH_INTERVAL_MS: Final = 400
DOWNLOAD_INTERVAL_S: Final = 1.0


def run(hot: HotFolder) -> None:
    """Upload changes and download results until interrupted."""
    hot.add_changed(hot.folder)
    downloaded_at = 0.0
    for changed in changes_in(
        hot.folder,
        lambda: watchfiles.watch(
            hot.folder,
            watch_filter=lambda _change, path: hot.accepts(Path(path)),
            rust_timeout=WATCH_INTERVAL_MS,
            debounce=WATCH_INTERVAL_MS,
            yield_on_timeout=True,
            raise_interrupt=True,
        ),
    ):
        for changed_path in changed:
            hot.add_changed(changed_path)
        hot.upload_stable()
        if time.monotonic() - downloaded_at >= DOWNLOAD_INTERVAL_S:
            hot.download_new()
            hot.report_waiting()
            downloaded_at = time.monotonic()


def changes_in(
    folder: Path,
    watch: Callable[[], Iterable[Iterable[tuple[object, str]]]],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Sequence[Path]]:
    """What changes in a folder, without an end; an empty list if nothing did for a while.

    watchfiles fails on a file whose name is not UTF-8. Then it is started again, and the whole
    folder counts as changed, because the changes in between are unknown.

    Args:
        folder: the folder.
        watch: starts a watcher; may raise `OSError` or `RuntimeError`, now or later.
        sleep: waits, in seconds, before a watcher is started again.

    Raises:
        OSError, RuntimeError: the first watcher cannot be started.
    """
    started = False
    while True:
        try:
            for changes in watch():
                started = True
                yield [Path(path) for _, path in changes]
        except RuntimeError:
            if not started:
                raise
            sleep(WATCH_INTERVAL_MS / 1000)
            yield [folder]
        else:
            return
