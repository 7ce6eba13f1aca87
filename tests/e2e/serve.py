"""Keeps a local environment up for the tests until its stdin closes; says where on stdout."""

import faulthandler
import functools
import json
import sys
from pathlib import Path
from typing import Any

from infra.local import http_server
from infra.local.environment import LocalEnvironment
from tests.e2e.refusals import Refusals


def main() -> None:
    """`python serve.py FOLDER`."""
    # Whoever gives up waiting for its end sends SIGABRT, and learns where every thread stands.
    faulthandler.enable()
    folder = Path(sys.argv[1])
    whole = http_server.Application

    @functools.wraps(whole)
    def refusing(*given: Any, **named: Any) -> Refusals:
        return Refusals(whole(*given, **named), folder)

    http_server.Application = refusing  # type: ignore[assignment, misc]
    with LocalEnvironment(port=0, workers=2, job_s=0.5, folder=folder) as local:
        where = {
            "endpoint_url": local.endpoint_url,
            "outputs": local.outputs,
            "sandboxes": local.sandboxes,
        }
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
