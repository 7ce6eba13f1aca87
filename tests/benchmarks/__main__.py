"""Run the benchmarks: `python -m tests.benchmarks [name ...]`, by default all of them.

Each one's figures are stored in `results.json` as soon as it ends, with the machine, the date and
the time that it took; the others' stay. `--short` runs smaller versions and stores nothing: it only
shows that they work. `--table` writes the README's tables anew from the results; it runs nothing.
"""

import argparse
import importlib
import importlib.util
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.table import README_PATH, RESULTS_PATH, read_results, update_readme

NAMES: Final = ("cost", "batch", "poll", "scale", "stream", "cold", "local")
"""In the order in which they run: the first ones do not depend on the machine's load."""
FULL: Final[Mapping[str, Mapping[str, Any]]] = {
    "cold": {"layers": Path(".darkroom") / "benchmark-layers"},
}
"""Arguments of `run` where its defaults are not used: the layer is not downloaded every time."""
SHORT: Final[Mapping[str, Mapping[str, Any]]] = {
    "cost": {"tasks": 20},
    "batch": {"tasks": 100, "many": 200},
    "scale": {"burst": 1000},
    "stream": {"sizes_mib": (1, 32)},
    "cold": {**FULL["cold"], "rounds": 2},
    "local": {"rounds": ((1, 5), (10, 20))},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.table:
        update_readme()
        return 0
    logging.disable(logging.CRITICAL)  # the product's warnings are expected here
    known = [name for name in NAMES if _exists(name)]
    if unknown := set(options.names) - set(known):
        sys.stderr.write(f"no such benchmark: {', '.join(sorted(unknown))}; {', '.join(known)}\n")
        return 2
    for name in options.names or known:
        began = time.monotonic()
        _say(f"{name} ...")
        arguments_of = (SHORT if options.short else FULL).get(name, {})
        figures = importlib.import_module(f"tests.benchmarks.{name}").run(**arguments_of)
        took_s = time.monotonic() - began
        if not options.short:
            _store(name, figures, took_s)
        _say(json.dumps(figures, indent=2) if options.names else f"  {took_s:.0f} s")
    return 0


def describe_machine() -> dict[str, Any]:
    """The processor, its cores, and the Python."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if sys.platform == "linux" else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _store(name: str, figures: Mapping[str, Any], took_s: float) -> None:
    entry = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine(),
        "took_s": round(took_s),
        "figures": figures,
    }
    results = {**read_results(), name: entry}
    ordered = {each: results[each] for each in NAMES if each in results}
    RESULTS_PATH.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")
    update_readme()


def _exists(name: str) -> bool:
    return importlib.util.find_spec(f"tests.benchmarks.{name}") is not None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--short", action="store_true", help="smaller versions; nothing is stored")
    parser.add_argument(
        "--table", action="store_true", help=f"only write the tables of {README_PATH.name}"
    )
    return parser


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
