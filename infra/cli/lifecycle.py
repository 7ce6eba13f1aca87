"""Starts the local environment for a command, and stops it on Ctrl-C or SIGTERM."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final, NoReturn

import click

from infra.cli.printing import MultilineError, note
from infra.cli.target import LOCAL, Target

HOST: Final = "127.0.0.1"


@contextmanager
def local_environment(
    *,
    say: Callable[[str], None],
    port: int = 0,
    workers: int = 2,
) -> Iterator[Target]:
    """Run the local environment while the block runs.

    Args:
        say: prints one line of progress.
        port: where it answers; 0 takes a free one.
        workers: processes per function.

    Raises:
        click.UsageError: the port is in use.
        click.ClickException: it did not start; the message says why.
    """
    if port:
        _check_port(port)
    from infra.local.environment import LocalEnvironment  # noqa: PLC0415 - slow to import

    with ExitStack() as stack:
        try:
            local = stack.enter_context(LocalEnvironment(port=port, say=say, workers=workers))
        except RuntimeError as error:
            raise _start_error(error, port) from error
        sandboxes = {name: access["base_url"] for name, access in local.sandboxes.items()}
        try:
            yield Target(LOCAL, local.outputs, local.endpoint_url, sandboxes)
        except KeyboardInterrupt:
            say("stopping ...")
            raise


@contextmanager
def until_stopped() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block at any time, without an error."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    # SIGINT too: a background job of a shell starts with it ignored.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        note("stopped")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_stop() -> None:
    """Block until a signal ends the command."""
    threading.Event().wait()


def _check_port(port: int) -> None:
    """Check before the start, which takes seconds."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise _port_in_use(port) from error


def _start_error(error: RuntimeError, port: int) -> click.ClickException:
    from infra.local.http_server import PortTakenError  # noqa: PLC0415 - loaded by now

    # Errors of the synthesis and the deployment have several lines.
    return (
        _port_in_use(port)
        if isinstance(error, PortTakenError)
        else MultilineError(str(error).split("\n"))
    )


def _port_in_use(port: int) -> click.UsageError:
    return click.UsageError(
        f"port {port} is in use, perhaps by another `darkroom local`; stop that one, or use "
        "`--port 0` for a free port"
    )
