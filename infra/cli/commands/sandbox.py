"""`darkroom sandbox`: the providers' sandboxes alone, without the stack; see `infra.sandbox`."""

import click

from infra.cli.lifecycle import until_stopped, wait_for_stop
from infra.sandbox.__main__ import json_option, port_option, run


@click.command(name="sandbox")
@json_option
@port_option
def command(ports: tuple[tuple[str, int], ...], *, as_json: bool) -> None:
    """Run the providers' sandboxes until Ctrl-C.

    Each responds like its provider. Under /_sandbox/ it also has routes for testing a client:
    ledger, faults (what goes wrong, and how often), clock, account, requests.
    """
    with until_stopped():
        run(wait_for_stop, as_json=as_json, ports=dict(ports))
