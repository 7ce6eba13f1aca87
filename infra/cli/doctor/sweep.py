"""The check of SWEEP, which resumes what is stuck: whether it ran lately, and without errors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, problem, warning
from infra.cli.doctor.metrics import Metric, read_metrics

SWEEP: Final = "sweep"
MINUTES: Final = 10
"""It runs every minute; the metrics are some minutes late."""
LOCAL_S: Final = 60
"""On one machine it runs every ten seconds."""


def check_sweep(examined: Examined) -> Iterator[Finding]:
    """Whether it ran in the last minutes: by CloudWatch, on one machine by its log."""
    yield _check_log(examined) if examined.local else _check_metrics(examined)


def _check_metrics(examined: Examined) -> Finding:
    name = examined.settings.function_name("sweep")
    of_it = {"FunctionName": name}
    metrics = [Metric("AWS/Lambda", each, "Sum", of_it) for each in ("Invocations", "Errors")]
    runs, errors = (round(sum(each)) for each in read_metrics(examined, metrics, MINUTES))
    if errors:
        sentence = f"{errors} of its {runs} runs of the last {MINUTES} minutes failed"
        return warning(SWEEP, sentence, f"aws logs tail /aws/lambda/{name} --since {MINUTES}m")
    if runs:
        return ok(SWEEP, f"ran {runs} times in the last {MINUTES} minutes")
    young = examined.deployed_at is not None and (
        examined.now - examined.deployed_at < timedelta(minutes=MINUTES)
    )
    if young:
        return not_checked(SWEEP, "the stack was changed minutes ago")
    command = f"aws lambda invoke --function-name {name} /dev/stdout"
    return problem(SWEEP, f"did not run in the last {MINUTES} minutes", command)


def _check_log(examined: Examined) -> Finding:
    if examined.logs is None:
        return not_checked(SWEEP, "it is not known where its log is")
    log = examined.logs / f"{examined.settings.function_name('sweep')}.log"
    if not log.is_file() or not log.stat().st_size:
        return not_checked(SWEEP, "it has not run yet")
    ago_s = (examined.now - datetime.fromtimestamp(log.stat().st_mtime, UTC)).total_seconds()
    if ago_s <= LOCAL_S:
        return ok(SWEEP, f"ran {max(0, round(ago_s))} s ago")
    return problem(SWEEP, f"ran last {round(ago_s):,} s ago", "darkroom local")
