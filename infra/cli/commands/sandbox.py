"""`darkroom sandbox`: run the provider sandboxes alone, without the stack."""

import socket
from typing import Final

import click

from infra.cli.lifecycle import until_stopped, wait_for_stop
from infra.cli.printing import say, say_json

HOST: Final = "127.0.0.1"


class _NamedPort(click.ParamType[tuple[str, int]]):
    """`snapapi=9001` as ("snapapi", 9001)."""

    name = "NAME=PORT"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, int]:
        provider, equals, port = str(value).partition("=")
        if not provider or not equals or not port.isdecimal() or int(port) >= 1 << 16:
            self.fail(f"'{value}' is not NAME=PORT, such as snapapi=9001", param, ctx)
        return provider, int(port)


@click.command(name="sandbox")
@click.option(
    "--json", "as_json", is_flag=True, help="Print addresses and keys as one JSON object."
)
@click.option("--port", "ports", multiple=True, type=_NamedPort(), help="A fixed port; repeatable.")
def command(ports: tuple[tuple[str, int], ...], *, as_json: bool) -> None:
    """Run the providers' sandboxes until Ctrl-C.

    Each answers like its provider's API. /_sandbox/ lists what controls it: the ledger, faults to
    inject, the clock, the account and the requests so far.
    """
    with until_stopped():
        from infra.sandbox import PROVIDERS, start  # noqa: PLC0415 - brings OpenCV along

        fixed = dict(ports)
        for provider, port in fixed.items():
            if provider not in PROVIDERS:
                known = ", ".join(sorted(PROVIDERS))
                raise click.UsageError(f"unknown sandbox '{provider}'; use one of: {known}")
            _check_port(provider, port)
        with start(list(PROVIDERS), host=HOST, ports=fixed) as running:
            access = {name: one.as_json() for name, one in running.items()}
            if as_json:
                say_json(access, indent=None)
            else:
                for name, values in access.items():
                    say("  ".join([name, *values.values()]))
            wait_for_stop()


def _check_port(provider: str, port: int) -> None:
    """Check before the server binds it, which would end the process."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise click.UsageError(
            f"port {port} for {provider} cannot be used: {error.strerror}"
        ) from error
