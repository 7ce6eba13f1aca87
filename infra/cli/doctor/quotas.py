"""Checks of the account's quotas against the environment's settings."""

from collections.abc import Iterator
from typing import Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, warning
from infra.cli.doctor.metrics import Metric, read_metrics

CONCURRENCY: Final = "concurrency"
THROTTLES: Final = "throttles"
TRANSITIONS: Final = "workflow rate"
QUOTA_CODE: Final = "L-B99A9384"
"""Of Lambda's "Concurrent executions" in Service Quotas."""
USUAL_QUOTA: Final = 1000
"""Lambda's default; a new account has less (Lambda guide, "Lambda quotas")."""
OTHERS: Final = 10
"""So many functions beside INTAKE should be able to run at once: the workflow's, and SWEEP."""
LAST_MINUTES: Final = 60
TRANSITIONS_PER_TASK: Final = 5
"""A task that SUBMIT ends enters two or three states, one that waits for its job some more."""
HERE: Final = "this machine has none"


def check_concurrency(examined: Examined) -> Iterator[Finding]:
    """Whether the account may run as many functions at once as the settings ask for."""
    if examined.local:
        yield not_checked(CONCURRENCY, HERE)
        return
    limits = examined.client("lambda").get_account_settings()["AccountLimit"]
    yield judge_concurrency(
        examined,
        int(limits["ConcurrentExecutions"]),
        int(limits["UnreservedConcurrentExecutions"]),
    )


def judge_concurrency(examined: Examined, total: int, unreserved: int) -> Finding:
    """The finding about a quota: of all functions of the account, and of those without a share."""
    settings = examined.settings
    intake = 0 if "intake" in settings.reserved_concurrency else settings.intake_concurrency
    if unreserved >= intake + OTHERS:
        shared = "" if unreserved == total else f", {unreserved:,} of them not reserved"
        return ok(CONCURRENCY, f"the account runs {total:,} functions at once{shared}")
    command = (
        "aws service-quotas request-service-quota-increase --service-code lambda"
        f" --quota-code {QUOTA_CODE} --desired-value {USUAL_QUOTA}"
    )
    sentence = (
        f"the account runs {total:,} functions at once, {unreserved:,} of them not reserved; INTAKE"
        f" alone may take {settings.intake_concurrency}, and the others are throttled then. Ask for"
        " more, or set a small intake_concurrency and linger_s = 0 until then"
    )
    return warning(CONCURRENCY, sentence, command)


def check_throttles(examined: Examined) -> Iterator[Finding]:
    """Whether Lambda or Step Functions refused calls of the environment in the last hour."""
    if examined.local:
        yield not_checked(THROTTLES, HERE)
        return
    verbs = ("intake", "submit", "poll", "deliver", "fail", "sweep")
    metrics = [
        Metric(
            "AWS/Lambda",
            "Throttles",
            "Sum",
            {"FunctionName": examined.settings.function_name(verb)},
        )
        for verb in verbs
    ]
    found = read_metrics(examined, metrics, LAST_MINUTES)
    counts = {verb: round(sum(values)) for verb, values in zip(verbs, found, strict=True)}
    throttled = ", ".join(f"{verb} {number:,}" for verb, number in counts.items() if number)
    if throttled:
        command = "aws lambda get-account-settings"
        sentence = f"Lambda refused calls in the last hour: {throttled}; they are repeated"
        yield warning(THROTTLES, sentence, command)
    else:
        yield ok(THROTTLES, "Lambda refused no call in the last hour")


def check_transitions(examined: Examined) -> Iterator[Finding]:
    """Whether Step Functions throttled state transitions, and how many the account may make.

    CloudWatch has the figures while there are executions (Step Functions guide, "Monitoring metrics
    using CloudWatch").
    """
    if examined.local:
        yield not_checked(TRANSITIONS, HERE)
        return
    of_all = {"ServiceMetric": "StateTransition"}
    metrics = [
        Metric("AWS/States", "ThrottledEvents", "Sum", of_all),
        Metric("AWS/States", "ProvisionedRefillRate", "Maximum", of_all),
    ]
    throttled, rates = read_metrics(examined, metrics, LAST_MINUTES)
    number, rate = round(sum(throttled)), max(rates, default=0)
    wanted = _calls_per_s(examined) * TRANSITIONS_PER_TASK
    command = "aws service-quotas list-service-quotas --service-code states"
    if number:
        sentence = f"Step Functions delayed {number:,} transitions in the last hour"
        yield warning(TRANSITIONS, sentence, command)
    elif not rate:
        yield not_checked(TRANSITIONS, "no figures without runs in the last hour")
    elif rate < wanted:
        sentence = f"{rate:,.0f} transitions a second; the providers' rates need {wanted:,.0f}"
        yield warning(TRANSITIONS, sentence, command)
    else:
        yield ok(TRANSITIONS, f"{rate:,.0f} transitions a second, {wanted:,.0f} are needed")


def _calls_per_s(examined: Examined) -> float:
    """How many tasks a second the documented rates of all providers allow."""
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - brings pydantic along

    providers = examined.ports.providers
    rules = [providers.rules(provider) for provider in PROVIDERS]
    return sum(each.share * each.rate.calls / each.rate.per_s for each in rules if each.rate)
