"""Play havoc: `python -m tests.e2e.havoc --tasks 100 --seed 1`.

One local environment, tasks for every provider in every way, faults in every sandbox, and all the
while the functions' processes are killed. When nothing moves any more, every promise is checked
and printed with its figure. Exits with 1 when one was broken, and then keeps the evidence. What is
drawn comes from the seed; what real processes make of it does not repeat.

The parts, in the order in which they meet:

    play        one run, from nothing to rest
    drops       the tasks that are dropped
    faults      what goes wrong at the providers
    troubles    what refuses for some seconds: our own stores, the providers' accounts
    kills       the end of processes
    wire        stands between functions and sandboxes, and keeps what goes over
    liberties   where the run is quicker than the real thing
    evidence    what is left of a run
    checks      the promises, with what has to do with money in `money`, with waiting in `patience`
    canaries    secrets that were in use, and the search for them
    damages     ways to be wrong, which the checks must notice
    places      what each request to a provider is for
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.havoc.checks import check
from tests.e2e.havoc.money import Check
from tests.e2e.havoc.play import PATIENCE_S, Extent, Outcome, play

KILLS_PER_TASK = 0.6


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the command line says; the exit code."""
    extent = _read(arguments)
    folder = Path(tempfile.mkdtemp(prefix="darkroom-havoc-"))
    # Told before the environment is taken down: its end may fail too, and must not cost the rest.
    with play(extent, folder, _say) as outcome:
        keep_evidence(outcome, folder)
        checks = check(outcome)
        broken = [one for one in checks if one.broken]
        lines = [line for one in checks for line in tell(one)]
        lines.append(f"{len(checks) - len(broken)} of {len(checks)} hold")
        if broken:
            lines.append(f"evidence and logs: {folder}")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


def tell(one: Check, most: int = 20) -> list[str]:
    """A check as lines for people."""
    lines = [f"{'FAIL' if one.broken else 'ok  '} {one.name}: {one.figure}"]
    lines += [f"       {broken}" for broken in one.broken[:most]]
    if len(one.broken) > most:
        lines.append(f"       and {len(one.broken) - most} more")
    return lines


def keep_evidence(outcome: Outcome, folder: Path) -> None:
    """Write down, beside the logs, what the checks were made from."""
    seen = outcome.evidence
    (folder / "evidence.json").write_text(
        json.dumps(
            {
                "drops": [vars(drop) | {"wish": vars(drop.wish)} for drop in outcome.drops],
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
                "troubles": outcome.troubles,
                "closed": seen.closed,
            },
            default=str,
            indent=1,
        )
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _read(arguments: Sequence[str] | None) -> Extent:
    description = (__doc__ or "").partition("\n\nThe parts")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.havoc", description=description)
    parser.add_argument("--tasks", type=int, default=100, help="how many tasks (100)")
    parser.add_argument("--seed", type=int, default=1, help="what everything is drawn from (1)")
    parser.add_argument("--kills", type=int, help="kills at random (six for ten tasks)")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_S,
        help=f"seconds for all ends ({PATIENCE_S:.0f})",
    )
    parser.add_argument(
        "--hurried",
        action="store_true",
        help="do not wait for answers that nobody is left to receive",
    )
    told = parser.parse_args(arguments)
    kills = round(told.tasks * KILLS_PER_TASK) if told.kills is None else told.kills
    return Extent(told.tasks, told.seed, kills, hurried=told.hurried, patience_s=told.patience)


if __name__ == "__main__":
    sys.exit(main())
