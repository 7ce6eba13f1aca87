"""Patches for EventBridge's targets, and the way to send an event of an AWS service."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

import copy
import functools
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule, events_backends
from moto.events.utils import EventTemplateParser

from infra.local.lambda_runtime.invoker import Invoker
from infra.local.moto_patches.patch import Patch, around
from infra.local.permissions.decision_point import DecisionPoint, NotAuthorizedError

LOG = logging.getLogger(__name__)
_TARGET_ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}


def patches(invoker: Invoker, point: DecisionPoint) -> Iterator[Patch]:
    """The one patch: how a rule sends to its targets."""
    yield around(Rule, "send_to_targets", functools.partial(_send_to_targets, invoker, point))


def publish(event: Any, account: str, region: str) -> None:
    """Send an event of an AWS service to the rules of the default bus."""
    bus = events_backends[account][region].event_buses["default"]
    for rule in list(bus.rules.values()):
        try:
            rule.send_to_targets(event, transform_input=False)
        except Exception:
            # As on AWS, a failed delivery must not fail the call that caused the event.
            LOG.exception("the rule %s could not deliver an event", rule.name)


def build_event(
    source: str, kind: str, resources: list[str], detail: dict[str, Any], account: str, region: str
) -> dict[str, Any]:
    """The envelope of an event ("Events", EventBridge user guide).

    The time is a number, which moto needs; `build_input` makes it text.
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": time.time(),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def _send_to_targets(
    invoker: Invoker,
    point: DecisionPoint,
    original: Callable[..., Any],
    rule: Any,
    event: dict[str, Any],
    transform_input: bool = True,  # noqa: FBT001, FBT002 - as moto declares it
) -> None:
    """In moto, disabled rules and schedules fire, events are changed, functions get none."""
    if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
        return
    if not rule.event_pattern.matches_event(event):
        return
    # Targets may change it.
    event = copy.deepcopy(event)
    plain = {name: value for name, value in event.items() if name != "ingestion-time"}
    for target in rule.targets:
        if not may_deliver(point, rule, target):
            continue
        if target["Arn"].split(":")[2] == "lambda":
            invoker.invoke_later(target["Arn"], build_input(target, plain))
            continue
        single = copy.copy(rule)
        single.targets = [target]
        transforms = transform_input and "InputTransformer" in target
        original(single, event if transforms else copy.copy(plain), transform_input=transforms)


def may_deliver(point: DecisionPoint, rule: Any, target: dict[str, Any]) -> bool:
    """Whether the policy of a target lets EventBridge in for this rule.

    EventBridge user guide, "Using resource-based policies for Amazon EventBridge". An event that
    may not be delivered is logged and dropped.
    """
    arn = target["Arn"]
    action = _TARGET_ACTIONS.get(arn.split(":")[2])
    if action is None:
        LOG.error("the rule %s has a target whose policy is not evaluated here: %s", rule.name, arn)
        return False
    try:
        point.check_service("events.amazonaws.com", rule.arn, action, arn)
    except NotAuthorizedError:
        LOG.exception("the rule %s could not deliver an event", rule.name)
        return False
    return True


def build_input(target: dict[str, Any], event: dict[str, Any]) -> bytes:
    """The payload for a target's function: the event, or the input that the rule sets instead."""
    moment = datetime.fromtimestamp(float(event["time"]), UTC)
    event = {**event, "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if "Input" in target:
        return str(target["Input"]).encode()
    if transformer := target.get("InputTransformer"):
        values = {**event, "ingestion-time": event["time"]}
        text = EventTemplateParser.parse(
            transformer["InputTemplate"],
            transformer.get("InputPathsMap", {}),
            values,  # type: ignore[arg-type]
        )
        return json.dumps(text).encode()
    return json.dumps(event).encode()
