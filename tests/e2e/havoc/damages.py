"""Ways in which a run's evidence could be wrong, each with the promise whose check must notice it.

A check that was never seen to fail proves nothing. Each damage changes the evidence in one place;
it may break other promises too.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from tests.e2e.havoc.evidence import Evidence, Execution
from tests.e2e.havoc.places import settling_of

Damage = Callable[[Evidence], None]


def _attempts(seen: Evidence) -> Iterable[dict[str, Any]]:
    return (one for manifest in seen.manifests.values() for one in manifest["attempts"])


def _lose_a_manifest(seen: Evidence) -> None:
    seen.manifests.pop(next(iter(seen.manifests)))


def _tell_another_end(seen: Evidence) -> None:
    next(iter(seen.manifests.values()))["status"] = "cancelled"


def _lose_a_task(seen: Evidence) -> None:
    seen.items.remove(seen.tasks[0])


def _make_two_tasks_of_one_drop(seen: Evidence) -> None:
    order, other = (task["task"]["order"] for task in seen.tasks[:2])
    order["metadata"]["drop"] = other["metadata"]["drop"]


def _leave_a_task_unfinished(seen: Evidence) -> None:
    seen.tasks[0]["state"] = "running"


def _leave_a_message_in_the_queue(seen: Evidence) -> None:
    seen.queued = 1


def _let_everything_fail(seen: Evidence) -> None:
    for task in seen.tasks:
        task["state"] = "failed"


def _charge_an_attempt_again(seen: Evidence) -> None:
    entries = next(entries for entries in seen.ledgers.values() if entries)
    entries.append(entries[0] | {"job_id": "another"})


def _charge_for_two_attempts(seen: Evidence) -> None:
    # Apiframe's keys name task and attempt.
    first = next(one for one in seen.ledgers["apiframe"] if one["kind"] == "charge")
    task_id = first["key"].rpartition("-")[0]
    kept = [one for one in seen.ledgers["apiframe"] if one["key"] != first["key"]]
    again = [first | {"key": f"{task_id}-{number}", "job_id": str(number)} for number in (7, 8)]
    seen.ledgers["apiframe"] = [*kept, *again]


def _charge_a_stranger(seen: Evidence) -> None:
    entries = next(entries for entries in seen.ledgers.values() if entries)
    entries.append(entries[0] | {"key": None, "request_digest": "another"})


def _deny_a_charge(seen: Evidence) -> None:
    next(one for one in _attempts(seen) if one["charged"] == "yes")["charged"] = "no"


def _claim_a_charge(seen: Evidence) -> None:
    claiming = next(one["provider"] for one in _attempts(seen) if one["charged"] == "yes")
    seen.ledgers[claiming].clear()


def _tell_of_no_attempt(seen: Evidence) -> None:
    next(m for m in seen.manifests.values() if m["status"] == "succeeded")["attempts"].clear()


def _misstate_the_price(seen: Evidence) -> None:
    attempts = _attempts(seen)
    next(one for one in attempts if one["charged"] == "yes" and one["credits"])["credits"] += 7


def _doubt_what_a_key_would_tell(seen: Evidence) -> None:
    next(one for one in _attempts(seen) if settling_of(one) == "key")["outcome"] = "unknown"


def _doubt_what_a_list_would_tell(seen: Evidence) -> None:
    listed = (one for one in _attempts(seen) if settling_of(one) == "look-up")
    next(one for one in listed if one["charged"] == "yes")["outcome"] = "unknown"


def _spoil_a_result(seen: Evidence) -> None:
    seen.results[next(iter(seen.results))] += b"!"


def _lose_a_result(seen: Evidence) -> None:
    seen.results.popitem()


def _succeed_without_results(seen: Evidence) -> None:
    next(m for m in seen.manifests.values() if m["status"] == "succeeded")["results"].clear()


def _leave_a_stray_result(seen: Evidence) -> None:
    seen.results["havoc/stray.png"] = b"png"


def _break_an_execution(seen: Evidence) -> None:
    seen.executions[0] = replace(seen.executions[0], status="FAILED")


def _run_for_nobody(seen: Evidence) -> None:
    seen.executions.append(Execution("nobody-1", "SUCCEEDED", "{}"))


def _let_an_older_execution_run(seen: Evidence) -> None:
    name = seen.executions[0].name.rpartition("-")[0]
    seen.executions.append(Execution(f"{name}-0", "RUNNING", "{}"))


def _hush_an_event(seen: Evidence) -> None:
    told = seen.events[0]["detail"]["task_id"]
    seen.events[:] = [one for one in seen.events if one["detail"]["task_id"] != told]


def _announce_another_end(seen: Evidence) -> None:
    seen.events[0]["detail-type"] = "Task Cancelled"


def _announce_twice(seen: Evidence) -> None:
    again = copy.deepcopy(seen.events[0])
    again["detail"]["event_id"] = "another"
    seen.events.append(again)


def _add_a_letter_without_reason(seen: Evidence) -> None:
    empty = {"reason": {"DataType": "String", "StringValue": ""}}
    seen.dead_letters.append({"Body": "lost", "MessageAttributes": empty})


def _keep_a_request(seen: Evidence) -> None:
    next(t for t in seen.tasks if t["task"]["attempts"])["task"]["attempts"][0]["request"] = "{}"


def _keep_a_wish(seen: Evidence) -> None:
    seen.items.append({"pk": "wants#havoc/drop-0001.jpg", "sk": "a-task"})


def _keep_a_lease(seen: Evidence) -> None:
    seen.items.append({"pk": "gate#perfect", "sk": "leases", "jobs": {"a-task": 1}})


def _speak_with_three_providers_only(seen: Evidence) -> None:
    seen.exchanges[:] = [one for one in seen.exchanges if one.provider != "perfect"]


def _log_a_token(seen: Evidence) -> None:
    sent = (one.headers for one in seen.exchanges if "authorization" in one.headers)
    seen.logs["submit.log"] = f"sent {next(sent)['authorization']}"


def _fail_for_an_account(seen: Evidence) -> None:
    failure = {"code": "no-credits", "sentence": "", "next_step": ""}
    next(iter(seen.manifests.values())).update(status="failed", failure=failure)


def _give_every_result_up(seen: Evidence) -> None:
    for manifest in seen.manifests.values():
        manifest["failure"] = {"code": "result-gone", "sentence": "", "next_step": ""}


def _close_the_output_bucket(seen: Evidence) -> None:
    seen.closed.append((0.0, float("inf")))


DAMAGES: Final[Sequence[tuple[Damage, str]]] = [
    (_leave_a_task_unfinished, "everything has ended"),
    (_leave_a_message_in_the_queue, "everything has ended"),
    (_let_everything_fail, "the havoc bites"),
    (_lose_a_task, "whatever is dropped is one task"),
    (_make_two_tasks_of_one_drop, "whatever is dropped is one task"),
    (_lose_a_manifest, "every task has one manifest, which agrees"),
    (_tell_another_end, "every task has one manifest, which agrees"),
    (_lose_a_task, "every task has one manifest, which agrees"),
    (_spoil_a_result, "every result is as its manifest says"),
    (_lose_a_result, "every result is as its manifest says"),
    (_succeed_without_results, "every result is as its manifest says"),
    (_leave_a_stray_result, "no result without its manifest"),
    (_charge_a_stranger, "every charge belongs to a task"),
    (_charge_an_attempt_again, "nobody pays twice"),
    (_charge_for_two_attempts, "nobody pays twice"),
    (_deny_a_charge, "manifests and ledgers agree on every attempt"),
    (_claim_a_charge, "manifests and ledgers agree on every attempt"),
    (_tell_of_no_attempt, "manifests and ledgers agree on every attempt"),
    (_misstate_the_price, "credits are those of the ledgers"),
    (_doubt_what_a_key_would_tell, "only what nobody can tell is unknown"),
    (_doubt_what_a_list_would_tell, "only what nobody can tell is unknown"),
    (_fail_for_an_account, "no task fails for its provider's account"),
    (_give_every_result_up, "only what is gone is given up"),
    (_close_the_output_bucket, "little is paid for while nothing can be delivered"),
    (_break_an_execution, "every task's last execution has ended well"),
    (_run_for_nobody, "every task's last execution has ended well"),
    (_let_an_older_execution_run, "every task's last execution has ended well"),
    (_hush_an_event, "every end was announced"),
    (_announce_another_end, "every end was announced"),
    (_announce_twice, "every end was announced"),
    (_add_a_letter_without_reason, "no dead letter without a reason"),
    (_keep_a_request, "the table keeps nothing that is over"),
    (_keep_a_wish, "the table keeps nothing that is over"),
    (_keep_a_lease, "no lease outlives its task"),
    (_speak_with_three_providers_only, "secrets were in use"),
    (_log_a_token, "no secret stands anywhere"),
]
