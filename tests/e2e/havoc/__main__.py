"""Chaos test: `python -m tests.e2e.havoc --tasks 100 --seed 1`.

It starts one local environment, drops tasks for all providers in all ways, adds faults to each
sandbox, and kills the functions' processes all the time. When all tasks have ended, it checks every
promise and prints it with its figures. The exit code is 1 if one was broken; then the collected
state is kept. The seed determines the tasks, faults and kills; the timing of real processes does
not repeat.

The modules, in the order of their use:

    runner              one run: start, drop tasks, wait until all have ended, collect
    workload            the tasks that are dropped
    provider_faults     faults of the providers
    outages             what fails for some seconds: our own stores, the providers' accounts
    killer              kills the functions' processes
    recording_proxy     between functions and sandboxes; keeps all requests and responses
    time_compression    shortens waits
    collected_state     what is left of a run
    checks              the promises; those about money in `money_checks`, waits in `wait_checks`
    secret_leaks        the secrets in use, and the search for them
    check_mutations     wrong states, which the checks must notice
    request_kinds       what each request to a provider is for
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.havoc.checks import check
from tests.e2e.havoc.money_checks import Check
from tests.e2e.havoc.runner import TIMEOUT_S, Outcome, RunSize, run

KILLS_PER_TASK = 0.6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; returns the exit code."""
    size = _read(arguments)
    folder = Path(tempfile.mkdtemp(prefix="darkroom-havoc-"))
    # Printed before the environment stops: an error while stopping must not hide it.
    with run(size, folder, _say) as outcome:
        write_state(outcome, folder)
        checks = check(outcome)
        broken = [one for one in checks if one.broken]
        lines = [line for one in checks for line in as_lines(one)]
        lines.append(f"{len(checks) - len(broken)} of {len(checks)} hold")
        if broken:
            lines.append(f"collected state and logs: {folder}")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


def as_lines(one: Check, limit: int = 20) -> list[str]:
    """A check as lines to print."""
    lines = [f"{'FAIL' if one.broken else 'ok  '} {one.name}: {one.figure}"]
    lines += [f"       {broken}" for broken in one.broken[:limit]]
    if len(one.broken) > limit:
        lines.append(f"       and {len(one.broken) - limit} more")
    return lines


def write_state(outcome: Outcome, folder: Path) -> None:
    """Write what the checks were made from beside the logs."""
    seen = outcome.state
    (folder / "state.json").write_text(
        json.dumps(
            {
                "drops": [vars(drop) | {"kind": vars(drop.kind)} for drop in outcome.drops],
                "items": seen.items,
                "manifests": seen.manifests,
                "executions": [vars(one) for one in seen.executions],
                "events": seen.events,
                "dead_letters": seen.dead_letters,
                "ledgers": seen.ledgers,
                "calls": [
                    {"provider": one.provider, "call": f"{one.method} {one.path}", "is": one.status}
                    for one in seen.exchanges
                ],
                "fired": outcome.fired,
                "outages": outcome.outages,
                "closed": seen.closed,
            },
            default=str,
            indent=1,
        )
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _read(arguments: Sequence[str] | None) -> RunSize:
    description = (__doc__ or "").partition("\n\nThe modules")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.havoc", description=description)
    parser.add_argument("--tasks", type=int, default=100, help="how many tasks (100)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random choices (1)")
    parser.add_argument("--kills", type=int, help="kills at random (six for ten tasks)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        help=f"seconds until all tasks must have ended ({TIMEOUT_S:.0f})",
    )
    parser.add_argument(
        "--hurried",
        action="store_true",
        help="do not wait for responses whose caller was killed",
    )
    options = parser.parse_args(arguments)
    kills = round(options.tasks * KILLS_PER_TASK) if options.kills is None else options.kills
    return RunSize(
        options.tasks, options.seed, kills, hurried=options.hurried, timeout_s=options.timeout
    )


if __name__ == "__main__":
    sys.exit(main())
