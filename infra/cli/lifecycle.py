"""Starts the local environment for a command, and stops it when the command is told to stop."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final, NoReturn

import click

from infra.cli.printing import Several, say
from infra.cli.target import LOCAL, Target

HOST: Final = "127.0.0.1"


@contextmanager
def starting(
    *,
    say: Callable[[str], None],
    port: int = 0,
    workers: int = 2,
) -> Iterator[Target]:
    """The local environment, up for as long as the block lasts.

    Raises:
        click.UsageError: the port is taken.
        click.ClickException: it does not start; the message says why.
    """
    if port:
        _check_free(port)
    from infra.local.environment import LocalEnvironment  # noqa: PLC0415 - slow to import

    with ExitStack() as stack:
        try:
            local = stack.enter_context(LocalEnvironment(port=port, say=say, workers=workers))
        except RuntimeError as error:
            raise _told(error, port) from error
        places = {name: access["base_url"] for name, access in local.sandboxes.items()}
        try:
            yield Target(LOCAL, local.outputs, local.endpoint_url, places)
        except KeyboardInterrupt:
            say("stopping ...")
            raise


@contextmanager
def until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block, at any time, and are no error."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    # SIGINT too: a shell's background job starts with it ignored, and then could not be stopped.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        say("stopped", err=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_stop() -> None:
    """Stay until a signal ends the command."""
    threading.Event().wait()


def _check_free(port: int) -> None:
    """Ask before anything is started: a start takes seconds."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise _taken(port) from error


def _told(error: RuntimeError, port: int) -> click.ClickException:
    from infra.local.http_server import PortTakenError  # noqa: PLC0415 - loaded when this is reached

    # What the synthesis or the deployment says has several lines.
    return _taken(port) if isinstance(error, PortTakenError) else Several(str(error).split("\n"))


def _taken(port: int) -> click.UsageError:
    return click.UsageError(
        f"port {port} is taken, perhaps by another `darkroom local`; stop that one, or let "
        "this one take a free port with `--port 0`"
    )
