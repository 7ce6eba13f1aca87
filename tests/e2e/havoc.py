"""Play havoc: `python -m tests.e2e.havoc --tasks 100 --seed 1`.

One local environment, tasks for every provider through every door, faults in every sandbox, and
all the while the functions' processes are killed. When nothing moves any more, every promise is
checked and printed with its figure. Exits with 1 when one was broken, and then keeps the
evidence. What is drawn comes from the seed; what real processes make of it does not repeat.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.havoc_accounts import Check
from tests.e2e.havoc_checks import check
from tests.e2e.havoc_run import Asked, Outcome, run

KILLS_PER_TASK = 0.6


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the command line says; the exit code."""
    asked = _read(arguments)
    folder = Path(tempfile.mkdtemp(prefix="darkroom-havoc-"))
    outcome = run(asked, folder, _say)
    checks = check(outcome)
    keep_evidence(outcome, folder)
    sys.stdout.write("".join(f"{line}\n" for one in checks for line in tell(one)))
    broken = [one for one in checks if one.broken]
    if not broken:
        shutil.rmtree(folder)
    sys.stdout.write(f"{len(checks) - len(broken)} of {len(checks)} hold\n")
    if broken:
        sys.stdout.write(f"evidence and logs: {folder}\n")
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
                "orders": [vars(order) | {"wish": vars(order.wish)} for order in outcome.orders],
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
            },
            default=str,
            indent=1,
        )
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _read(arguments: Sequence[str] | None) -> Asked:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.havoc", description=__doc__)
    parser.add_argument("--tasks", type=int, default=100, help="how many tasks (100)")
    parser.add_argument("--seed", type=int, default=1, help="what everything is drawn from (1)")
    parser.add_argument("--kills", type=int, help="kills at random (six for ten tasks)")
    parser.add_argument("--patience", type=float, default=900, help="seconds for all ends (900)")
    parser.add_argument(
        "--hurried",
        action="store_true",
        help="do not wait for answers that nobody is left to receive",
    )
    told = parser.parse_args(arguments)
    kills = round(told.tasks * KILLS_PER_TASK) if told.kills is None else told.kills
    wait_s = 4 if told.hurried else 30
    return Asked(
        told.tasks,
        told.seed,
        kills,
        patience_s=told.patience,
        redeliver_s=wait_s,
        hurried=told.hurried,
    )


if __name__ == "__main__":
    sys.exit(main())
