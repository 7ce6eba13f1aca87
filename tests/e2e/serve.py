"""Runs a local environment for the tests until stdin is closed; prints its URL and outputs."""

import faulthandler
import functools
import json
import sys
from pathlib import Path
from typing import Any

from infra.local import http_server
from infra.local.environment import LocalEnvironment
from tests.e2e.store_outages import StoreOutages


def main() -> None:
    """`python serve.py FOLDER [ENVIRONMENT BESIDE IT ...]`."""
    # A test that times out while it waits for the end sends SIGABRT and gets all threads' stacks.
    faulthandler.enable()
    folder = Path(sys.argv[1])
    application = http_server.Application

    @functools.wraps(application)
    def with_outages(*args: Any, **kwargs: Any) -> StoreOutages:
        return StoreOutages(application(*args, **kwargs), folder)

    http_server.Application = with_outages  # type: ignore[assignment, misc]
    with LocalEnvironment(
        port=0, workers=2, job_s=0.5, folder=folder, beside=sys.argv[2:]
    ) as local:
        address = {
            "endpoint_url": local.endpoint_url,
            "outputs": local.outputs,
            "outputs_beside": local.outputs_beside,
            "sandboxes": local.sandboxes,
        }
        sys.stdout.write(json.dumps(address) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
