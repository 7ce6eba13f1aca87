"""`python -m infra.sandbox`: the providers' sandboxes alone, until a signal or the end of stdin."""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import click

from infra.sandbox.registry import PROVIDERS

HOST: Final = "127.0.0.1"
MAX_PORT: Final = 65535
MAX_RATE_PER_MIN: Final = 1_000_000


class NamedNumber(click.ParamType[tuple[str, int]]):
    """`snapapi=9001` as ("snapapi", 9001); the name is a provider's, the number 0 to `maximum`."""

    def __init__(self, name: str, maximum: int) -> None:
        self.name = name
        self._maximum = maximum

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read the option's value; anything else is wrong usage."""
        provider, _, number = str(value).partition("=")
        if provider not in PROVIDERS:
            known = ", ".join(sorted(PROVIDERS))
            self.fail(f"'{value}' is not {self.name}; the providers are {known}", param, ctx)
        digits = number.isdecimal() and len(number) <= len(str(self._maximum))
        if not digits or int(number) > self._maximum:
            self.fail(f"'{value}' is not {self.name}, such as snapapi=9001", param, ctx)
        return provider, int(number)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print addresses and keys as one JSON object."
)
port_option = click.option(
    "--port",
    "ports",
    multiple=True,
    type=NamedNumber("NAME=PORT", MAX_PORT),
    help="A fixed port; repeatable.",
)


def run(
    wait: Callable[[], object],
    *,
    as_json: bool,
    ports: Mapping[str, int],
    names: Sequence[str] = tuple(PROVIDERS),
    host: str = HOST,
    job_s: float = 1.0,
    rate_per_min: Mapping[str, int] | None = None,
) -> None:
    """Start the sandboxes, print where they are, and keep them running until `wait` returns.

    Raises:
        click.UsageError: a port cannot be used.
    """
    for name, port in ports.items():
        _check_free(name, host, port)
    from infra.sandbox.http_server import start  # noqa: PLC0415 - slow to import

    with start(names, host=host, ports=ports, job_s=job_s, rate_per_min=rate_per_min) as running:
        access = {name: sandbox.as_json() for name, sandbox in running.items()}
        lines = [json.dumps(access)] if as_json else map(_as_line, access.items())
        click.echo("\n".join(lines))
        wait()


@click.command(name="sandbox", context_settings={"help_option_names": ["-h", "--help"]})
@json_option
@port_option
@click.option("--host", default=HOST, show_default=True, help="The address to listen on.")
@click.option(
    "--rate-per-min",
    multiple=True,
    type=NamedNumber("NAME=N", MAX_RATE_PER_MIN),
    help="Requests per minute in place of the documented limit; 0 lifts it. Repeatable.",
)
@click.option(
    "--job-s", type=float, default=1.0, show_default=True, help="Duration of a job in seconds."
)
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice(sorted(PROVIDERS)),
    help="Start this provider's sandbox and no other; repeatable.",
)
@click.option("--until-eof", is_flag=True, help="Stop when stdin ends, as when a parent dies.")
def main(
    *,
    as_json: bool,
    ports: tuple[tuple[str, int], ...],
    host: str,
    rate_per_min: tuple[tuple[str, int], ...],
    job_s: float,
    names: tuple[str, ...],
    until_eof: bool,
) -> None:
    """Run the providers' sandboxes until SIGINT, SIGTERM or, if wanted, the end of stdin."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_eof:
        threading.Thread(target=_wait_for_eof, args=(stop,), daemon=True).start()
    run(
        stop.wait,
        as_json=as_json,
        ports=dict(ports),
        names=names or tuple(PROVIDERS),
        host=host,
        job_s=job_s,
        rate_per_min=dict(rate_per_min),
    )


def _as_line(sandbox: tuple[str, Mapping[str, str]]) -> str:
    name, access = sandbox
    return "  ".join([name, *access.values()])


def _check_free(name: str, host: str, port: int) -> None:
    """Try the port before the server does: its failure would end the process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise click.UsageError(
            f"port {port} for {name} cannot be used: {error.strerror}"
        ) from error


def _wait_for_eof(stop: threading.Event) -> None:
    # Read without Python's own buffer: this thread would hold its lock when the process ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
