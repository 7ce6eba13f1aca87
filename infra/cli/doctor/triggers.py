"""Checks of what starts the functions: the rules of EventBridge, and the reader of the queue."""

from collections.abc import Iterator
from typing import Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, ok, problem

RULES: Final = "rules"
READER: Final = "queue reader"
NAMES: Final = ("uploads", "requests", "bad-ends", "every-minute")
"""The stack's rules, each named `darkroom-<environment>-<name>`."""
ON_OWN_BUS: Final = "requests"


def check_rules(examined: Examined) -> Iterator[Finding]:
    """Whether all rules are there and enabled."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    wrong = False
    for name in NAMES:
        rule = f"{examined.settings.stack_name}-{name}"
        bus = {"EventBusName": examined.output("EventBus")} if name == ON_OWN_BUS else {}
        try:
            state = examined.client("events").describe_rule(Name=rule, **bus)["State"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            yield problem(RULES, f"the rule {rule} is missing", examined.deploy)
            wrong = True
            continue
        if state == "DISABLED":
            option = "".join(f" --event-bus-name {value}" for value in bus.values())
            command = f"aws events enable-rule --name {rule}{option}"
            yield problem(RULES, f"the rule {rule} is off", command)
            wrong = True
    if not wrong:
        yield ok(RULES, f"all {len(NAMES)} are on")


def check_reader(examined: Examined) -> Iterator[Finding]:
    """Whether INTAKE reads the intake queue."""
    function = examined.settings.function_name("intake")
    answer = examined.client("lambda").list_event_source_mappings(FunctionName=function)
    mappings = answer["EventSourceMappings"]
    if not mappings:
        yield problem(READER, "INTAKE reads no queue", examined.deploy)
        return
    state = str(mappings[0].get("State", ""))
    if state in ("Disabled", "Disabling"):
        command = f"aws lambda update-event-source-mapping --uuid {mappings[0]['UUID']} --enabled"
        yield problem(READER, "INTAKE's reading of the queue is off", command)
        return
    yield ok(READER, "INTAKE reads the queue")
