"""The README's tables of the benchmarks' results, made from `results.json`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

RESULTS_PATH: Final = Path(__file__).with_name("results.json")
README_PATH: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- benchmarks:begin -->"
END: Final = "<!-- benchmarks:end -->"
SIGMA: Final = 0.25
"""The README shows jobs with this spread; the results have others as well."""
SCALE_JOB_S: Final = 20
"""The same for rates and bursts."""

Row = tuple[str, ...]
Figures = Mapping[str, Any]


def read_results() -> dict[str, Any]:
    """Name -> the date, machine, time and figures of a benchmark's last run."""
    if not RESULTS_PATH.exists():
        return {}
    results: dict[str, Any] = json.loads(RESULTS_PATH.read_text("utf-8"))
    return results


def update_readme() -> None:
    """Write the tables anew between the README's two markers."""
    readme = README_PATH.read_text("utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = build_tables(read_results())
    README_PATH.write_text(f"{before}{BEGIN}\n{tables}{END}{after}", "utf-8")


def build_tables(results: Mapping[str, Any]) -> str:
    """Costs by the time of a job, batches, then other figures; what did not run is left out."""
    parts = []
    if "cost" in results:
        parts.append(_markdown(_COST_HEADINGS, _cost_rows(results["cost"]["figures"])))
    if "batch" in results:
        parts.append(_markdown(_BATCH_HEADINGS, _batch_rows(results["batch"]["figures"])))
    rows = [
        row
        for name, rows_of in _ROWS.items()
        if name in results
        for row in rows_of(results[name]["figures"])
    ]
    if rows:
        parts.append(_markdown(("figure", "measured"), rows))
    return "\n".join(parts)


_COST_HEADINGS: Final = (
    "job",
    "states entered",
    "in AWS's sample",
    "AWS cost, 1,000 tasks",
    "in AWS's sample",
    "result after the job's end",
    "in AWS's sample",
)


def _cost_rows(figures: Figures) -> Iterator[Row]:
    for job in figures["jobs"]:
        if job["sigma"] != SIGMA:
            continue
        ours, sample = job["darkroom"], job["sample"]
        yield (
            f"{job['job_s']} s" if job["job_s"] else "answered at once",
            f"{ours['state_entries']:.1f}",
            f"{sample['state_entries']:.1f}",
            f"${ours['usd_per_1000']:.2f}",
            f"${sample['usd_per_1000']:.2f}",
            f"{ours['delay_mean_s']:.1f} s",
            f"{sample['delay_mean_s']:.1f} s",
        )


_BATCH_HEADINGS: Final = (
    "limits",
    "tasks at once",
    "starts",
    "time / least time",
    "most calls or jobs",
    "allowed",
    "transitions a task for waiting",
    "overtaken by at most",
)


def _batch_rows(figures: Figures) -> Iterator[Row]:
    for one in figures["batches"]:
        kind = ("worst_window_calls", "limit_calls")
        if "limit_calls" not in one:
            kind = ("worst_open_jobs", "limit_jobs")
        yield (
            one["account"],
            f"{one['tasks']:,}",
            one["starts"],
            f"{one['over_floor']:.2f}",
            *(str(one[name]) for name in kind),
            f"{one['transitions_per_task']:.2g}",
            f"{one['overtaken_by']}",
        )


def _stream_rows(figures: Figures) -> Iterator[Row]:
    transfers = iter(figures["transfers"])
    for ours, other in zip(transfers, transfers, strict=True):
        size = ours["size_mib"]
        name = f"{size / 1024:.0f} GiB" if size >= 1024 else f"{size} MiB"
        yield (f"result of {name} to S3", f"{_transfer(ours)} ({_BOTO3} {_transfer(other)})")


_BOTO3: Final = "boto3's `upload_fileobj`:"


def _transfer(one: Figures) -> str:
    cpu_s = one["cpu_s_per_gib"] * one["size_mib"] / 1024
    requests = f"{one['upload_requests']} request{'s' * (one['upload_requests'] != 1)}"
    return f"{one['grown_mib']:.0f} MiB more memory, {cpu_s:.2f} s of CPU, {requests}"


def _misdeclared_rows(figures: Figures) -> Iterator[Row]:
    for job in figures["misdeclared"]:
        ours = job["darkroom"]
        name = f"jobs of {job['job_s']} s where {job['declared_s']} s are declared"
        cost = f"{ours['state_entries']:.1f} states, ${ours['usd_per_1000']:.2f} for 1,000 tasks"
        yield (name, f"{cost}, result after {ours['delay_mean_s']:.1f} s")


def _scale_rows(figures: Figures) -> Iterator[Row]:
    for one in figures["sustained"]:
        if one["job_s"] == SCALE_JOB_S:
            name = f"tasks a second, {one['account']}, jobs of {one['job_s']} s"
            yield (name, f"{one['tasks_per_s']:.1f}, bound by: {one['bound_by']}")
    for one in figures["burst"]:
        if one["job_s"] == SCALE_JOB_S:
            name = f"{one['files']:,} files at once, {one['account']}"
            took = f"{one['took_s']:,} s, {one['over_floor']:.2f} of what AWS's quotas need"
            yield (name, f"{took}; lost: {one['lost']}")


def _cold_rows(figures: Figures) -> Iterator[Row]:
    for door, variants in figures["doors"].items():
        one = variants["compiled"]
        ready = f"{one['ready_ratio']:.2f} of `import boto3`"
        yield (f"start of {door.upper()}", f"{ready}; {one['peak_mb']:.0f} MB of memory at most")


def _local_rows(figures: Figures) -> Iterator[Row]:
    for one in figures["rounds"]:
        overhead = f"{one['overhead_s']:.2f} s beside the sandbox's own"
        yield (
            f"local environment, {one['in_flight']} in flight",
            f"{one['tasks_per_s']:.1f} tasks a second; {overhead}",
        )


_ROWS: Final[Mapping[str, Callable[[Figures], Iterator[Row]]]] = {
    "cost": _misdeclared_rows,
    "scale": _scale_rows,
    "stream": _stream_rows,
    "cold": _cold_rows,
    "local": _local_rows,
}
"""Benchmark -> its rows of the last table, in that table's order."""


def _markdown(headings: Row, rows: Iterator[Row] | Sequence[Row]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
