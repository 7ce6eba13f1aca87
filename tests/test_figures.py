"""Figures that depend on each other are compared; each of them alone may look right."""

import math
from datetime import timedelta

import pytest

from darkroom.aws.dynamodb_items import RETENTION
from darkroom.domain.circuit_state import FIRST_PAUSE_S, MAX_PAUSE_S, PROBE_S
from darkroom.domain.limits import POLL_LINGER_S, SUBMIT_LINGER_S, Limits
from darkroom.domain.routes import Route
from darkroom.domain.spec import MAX_METADATA_BYTES, MAX_PARAMS_BYTES
from darkroom.domain.task import STUCK_AFTER
from darkroom.domain.wait_policy import POLL_GAP_SHARE
from darkroom.pipeline.admission.backoff import MAX_BACKOFF_S
from darkroom.pipeline.continue_in_place import MIN_LEFT_S as MIN_LEFT_IN_PLACE_S
from darkroom.pipeline.continue_in_place import ROOM
from darkroom.pipeline.intake import MAX_TRIES
from darkroom.pipeline.paid_call.failed_job import LOST_JOB_WAITS_S
from darkroom.pipeline.paid_call.saved_answer import IN_ITEM_BYTES
from darkroom.pipeline.paid_call.settle_unclear import LOOK_UP_FOR, REPLAY_FOR
from darkroom.pipeline.sweep import MIN_LEFT_S
from darkroom.providers.adapter import Adapter
from darkroom.providers.engine.driver import CallLimits
from darkroom.providers.goapi.uploads import LINK_LIFETIME_S
from darkroom.providers.registry import build_adapters
from infra.aws.environments import find_environment
from infra.aws.sizes import MAX_RECEIVES, SIZES, VISIBILITY_FACTOR, Verb
from tests.workflow.definition import definition, states

ADAPTERS = build_adapters()
ROUTES = [route for adapter in ADAPTERS for route in adapter.routes]

# AWS, "Lambda quotas" (/tmp where nothing else is asked for), "DynamoDB quotas" (an item),
# "EventBridge quotas" (an entry), "StartExecution" of Step Functions (how long a name stays taken).
SCRATCH_BYTES = 512 * 1024 * 1024
ITEM_BYTES = 400_000
EVENT_BYTES = 256 * 1024
# AWS price lists, us-east-1, 2026-09: Step Functions (Standard), Lambda (arm64).
TRANSITION_USD = 25e-6
GB_SECOND_USD = 0.0000133334
NAME_TAKEN_FOR = timedelta(days=90)
KEYS_KEPT_FOR = timedelta(hours=24)
"""Apiframe's OpenAPI file: how long a repeated request is known by its key."""


def _name(one: Route | Adapter) -> str:
    return f"{one.provider}-{one.operation}-{one.model}" if isinstance(one, Route) else one.name


def test_stuck_after_is_longer_than_any_function_runs() -> None:
    """A task has no write while DELIVER copies, and during a paid call."""
    limits_s = [state.get("TimeoutSeconds", 0) for state in states().values()]
    doors_s = [size.timeout_s for size in SIZES.values()]
    assert max(limits_s + doors_s) < STUCK_AFTER.total_seconds()
    assert max(route.call_s for route in ROUTES) + Limits().margin_s < STUCK_AFTER.total_seconds()


def test_workflow_timeout_is_longer_than_queue_and_longest_job() -> None:
    """The workflow's own limit is for runs that never end."""
    max_s = max(route.job_s for route in ROUTES)
    reserve_s = 3600
    assert Limits().queue_s + 2 * max_s + reserve_s < definition()["TimeoutSeconds"]
    assert Limits().inputs_s < Limits().queue_s


def test_intake_gives_a_message_up_before_the_queue_does() -> None:
    """And a message that is being processed is not delivered to another function."""
    assert 1 < MAX_TRIES < MAX_RECEIVES - 1
    assert VISIBILITY_FACTOR >= 6


def test_fetch_s_covers_download_and_write() -> None:
    """DELIVER starts a result with `fetch_s` left: it is fetched and written within that."""
    deliver_s = SIZES["deliver"].timeout_s
    to_write_s = 30
    assert CallLimits().result_s + to_write_s <= Limits().fetch_s
    # One that was copied leaves the time for the next, or nothing would ever go on.
    assert 2 * Limits().fetch_s < deliver_s
    assert Limits().result_bytes < SCRATCH_BYTES


@pytest.mark.parametrize(
    ("verb", "linger_s"), [("submit", SUBMIT_LINGER_S), ("poll", POLL_LINGER_S)]
)
def test_lingering_costs_no_more_than_a_round_of_the_workflow(verb: Verb, linger_s: int) -> None:
    """The break-even, in whole seconds: the wait, the step and the choice, at list prices."""
    round_usd = 3 * TRANSITION_USD
    second_usd = SIZES[verb].memory_mb / 1024 * GB_SECOND_USD
    assert math.floor(round_usd / second_usd) == linger_s
    assert linger_s <= Limits().linger_s


def test_result_that_is_delivered_in_place_has_the_time_and_the_room() -> None:
    """It is fetched and written in the time left, and a usual paid call leaves that time."""
    to_write_s = 30
    assert ROOM.fetch_s is not None
    assert ROOM.fetch_s + to_write_s <= ROOM.min_left_s
    assert ROOM.result_bytes <= Limits().result_bytes
    assert ROOM.result_bytes < SCRATCH_BYTES
    for verb in ("submit", "poll"):
        assert ROOM.min_left_s + max(SUBMIT_LINGER_S, POLL_LINGER_S) < SIZES[verb].timeout_s / 2


def test_function_that_lingers_ends_before_its_time_limit() -> None:
    """It lingers no longer than `poll_in_place_s`, and ends one poll later."""
    for verb in ("submit", "poll"):
        assert Limits().poll_in_place_s + MIN_LEFT_IN_PLACE_S < SIZES[verb].timeout_s


def test_sweep_has_more_time_than_its_reserve() -> None:
    """It runs every minute; one that stops at once would check no task."""
    assert SIZES["sweep"].timeout_s > 2 * MIN_LEFT_S
    assert CallLimits().free_s < SIZES["sweep"].timeout_s


def test_key_is_repeated_only_while_the_provider_keeps_it() -> None:
    """Afterwards the same request is a new job, and is charged."""
    max_s = max(route.call_s for route in ROUTES) + Limits().margin_s + MAX_BACKOFF_S
    assert REPLAY_FOR + timedelta(seconds=max_s) < KEYS_KEPT_FOR
    assert timedelta(seconds=MAX_BACKOFF_S) < LOOK_UP_FOR


def test_task_is_kept_longer_than_anything_that_could_start_it_again() -> None:
    """Its run's name is free after 90 days; a version of its photo exists for as long."""
    environments = [find_environment(name) for name in ("local", "dev", "staging", "prod")]
    assert NAME_TAKEN_FOR + timedelta(seconds=definition()["TimeoutSeconds"]) < RETENTION
    assert all(timedelta(days=each.noncurrent_days) < RETENTION for each in environments)
    # What a provider made lies beside the task for as long as it may wait and be retried.
    waits = timedelta(seconds=Limits().queue_s) + timedelta(days=7)
    assert all(timedelta(days=each.work_days) > waits for each in environments)


def test_largest_task_fits_into_its_item() -> None:
    """The spec's params are stored twice: in the order, and in the request."""
    largest = IN_ITEM_BYTES + 2 * MAX_PARAMS_BYTES + MAX_METADATA_BYTES
    rest = 100_000  # attempts, keys and digests
    assert largest + rest < ITEM_BYTES
    assert 4 * MAX_METADATA_BYTES < EVENT_BYTES


def test_presigned_url_lasts_as_long_as_the_job() -> None:
    """A provider may fetch the photo only when the job starts."""
    linked = [route.job_s for route in ROUTES if route.provider == "goapi"]
    assert max(linked) <= LINK_LIFETIME_S


@pytest.mark.parametrize("adapter", ADAPTERS, ids=_name)
def test_last_lost_job_wait_covers_the_longest_rate_window(
    adapter: Adapter,
) -> None:
    """The rate limit itself may have prevented the polls."""
    window_s = adapter.rules.rate.per_s if adapter.rules.rate else 0
    assert LOST_JOB_WAITS_S[-1] >= window_s
    assert list(LOST_JOB_WAITS_S) == sorted(LOST_JOB_WAITS_S)


def test_turn_may_be_used_late_enough() -> None:
    """The workflow waits whole seconds, and a cold start takes one."""
    places = [rules.max_late_s for adapter in ADAPTERS if (rules := adapter.rules).rate]
    assert places
    assert min(places) >= 2


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.max_poll_gap_s is not None], ids=_name
)
def test_job_with_a_max_poll_gap_survives_one_lost_poll(route: Route) -> None:
    """Two waits fit into the gap, and SUBMIT polls for the job's usual time."""
    assert route.max_poll_gap_s is not None
    assert 2 * POLL_GAP_SHARE < 1
    assert int(route.max_poll_gap_s * POLL_GAP_SHARE) >= 1
    assert route.typical_s <= Limits().poll_in_place_s < SIZES["submit"].timeout_s
    # It is waited for in place, also where nothing else is.
    linger_s = find_environment("local").linger_s
    assert linger_s is not None
    assert route.max_poll_gap_s * POLL_GAP_SHARE <= linger_s <= SUBMIT_LINGER_S


def test_circuit_pauses_grow_and_a_probe_has_time() -> None:
    """A probe can return from a free call before the next one begins."""
    assert FIRST_PAUSE_S < MAX_PAUSE_S
    assert CallLimits().free_s <= PROBE_S
