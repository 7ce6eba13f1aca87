"""Bugs in how batches end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from darkroom.domain.batch import Batch, Tally, which_rule_holds
from darkroom.pipeline import retry, start_task
from darkroom.pipeline.batches import look
from darkroom.ports import Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _unfinished_tasks_do_not_count() -> list[Swap]:
    original = look._why_ended

    def why_ended(ports: Ports, batch: Batch, tally: Tally, now: Any) -> str | None:
        return original(ports, batch, replace(tally, unfinished=0), now)

    return [(look, "_why_ended", why_ended)]


def _event_before_manifest() -> list[Swap]:
    original = look._announce

    def announce(ports: Ports, batch: Batch, tally: Tally, rule: str) -> Batch:
        document = look._describe(ports, batch, tally, rule, batch.revision + 1)
        ports.events.publish(look.EVENT, look._event_of(document, batch.id.manifest_key))
        return original(ports, batch, tally, rule)

    return [(look, "_announce", announce)]


def _new_task_opens_nothing() -> list[Swap]:
    return [(start_task, "reopen_batches", lambda _ports, _task: None)]


def _retry_opens_nothing() -> list[Swap]:
    return [(retry, "reopen_batches", lambda _ports, _task: None)]


def _revision_stays_one() -> list[Swap]:
    original = look._describe

    def describe(ports: Ports, batch: Batch, tally: Tally, rule: str, _revision: int) -> Any:
        return original(ports, batch, tally, rule, 1)

    return [(look, "_describe", describe)]


def _manifest_is_not_read_again() -> list[Swap]:
    def read(_body: bytes | None) -> Mapping[str, Any]:
        return {}

    return [(look, "_read", read)]


def _expected_photos_are_one_less() -> list[Swap]:
    original = which_rule_holds

    def which(rule: Any, *args: Any, **kwargs: Any) -> str | None:
        if rule.expect is not None:
            rule = replace(rule, expect=rule.expect - 1)
        return original(rule, *args, **kwargs)

    return [(look, "which_rule_holds", which)]


BUGS = (
    Bug("a batch ends though a task has not", _unfinished_tasks_do_not_count),
    Bug("a batch is announced before its manifest is there", _event_before_manifest),
    Bug("a new task does not open its batch again", _new_task_opens_nothing),
    Bug("a retry does not open its batch again", _retry_opens_nothing),
    Bug("the revision of a batch stays 1", _revision_stays_one),
    Bug("an announcement that died begins anew", _manifest_is_not_read_again),
    Bug("a batch ends one photo early", _expected_photos_are_one_less),
)
