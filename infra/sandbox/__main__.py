"""`python -m infra.sandbox`: the provider sandboxes alone, until told to stop."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence

from infra.sandbox.http_server import PROVIDERS, start


def main(argv: Sequence[str] | None = None) -> int:
    """Start the sandboxes, say where they are, and stay until SIGINT, SIGTERM or end of stdin."""
    options = _read_arguments(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ports = dict(options.port)
    limits = dict(options.rate_per_min)
    with start(
        options.only or list(PROVIDERS),
        host=options.host,
        ports=ports,
        job_s=options.job_s,
        rate_per_min=limits,
    ) as running:
        if options.json:
            _say(json.dumps({name: one.as_json() for name, one in running.items()}))
        else:
            for one in running.values():
                _say("  ".join([one.name, *one.as_json().values()]))
        if options.until_eof:
            threading.Thread(target=_wait_for_eof, args=(stop,), daemon=True).start()
        stop.wait()
    return 0


def _read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.sandbox", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", action="append", default=[], type=_name_and_number, metavar="NAME=PORT"
    )
    parser.add_argument(
        "--rate-per-min",
        action="append",
        default=[],
        type=_name_and_number,
        metavar="NAME=N",
        help="another rate limit than the documented one; 0 lifts it",
    )
    parser.add_argument("--job-s", type=float, default=1.0, help="duration of a job in seconds")
    parser.add_argument("--only", action="append", choices=sorted(PROVIDERS))
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when stdin ends, as when a parent dies"
    )
    return parser.parse_args(argv)


def _name_and_number(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in PROVIDERS or not number.isdigit():
        known = ", ".join(sorted(PROVIDERS))
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER with NAME one of {known}")
    return name, int(number)


def _wait_for_eof(stop: threading.Event) -> None:
    # Read past Python's own buffer: its lock, held by this thread, would abort the way out.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
