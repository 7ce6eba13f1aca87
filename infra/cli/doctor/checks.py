"""All checks of an environment whose stack is there, in the order in which they are printed."""

from typing import Final

from infra.aws.environments import PROVIDERS
from infra.cli.doctor import (
    buckets,
    functions,
    providers,
    queues,
    quotas,
    secrets,
    sweep,
    tasks,
    triggers,
)
from infra.cli.doctor.run import Check

CHECKS: Final = (
    Check(functions.FUNCTIONS, functions.check_functions),
    Check(buckets.INPUT, buckets.check_input_notifications),
    Check(buckets.INPUT, buckets.check_input_versioning),
    Check(buckets.OUTPUT, buckets.check_output_versioning),
    Check(triggers.RULES, triggers.check_rules),
    Check(triggers.READER, triggers.check_reader),
    Check(secrets.KEYS, secrets.check_secrets),
    Check(providers.PAUSES, providers.check_pauses),
    Check(queues.QUEUE, queues.check_depth),
    Check(queues.AGE, queues.check_age),
    Check(queues.DEAD_LETTERS, queues.check_dead_letters),
    Check(sweep.SWEEP, sweep.check_sweep),
    Check(tasks.OVERDUE, tasks.check_overdue),
    Check(tasks.RUNS, tasks.check_runs),
    Check(tasks.ATTENTION, tasks.check_attention),
    Check(tasks.HELD, tasks.check_held),
    Check(quotas.CONCURRENCY, quotas.check_concurrency),
    Check(quotas.THROTTLES, quotas.check_throttles),
    Check(quotas.TRANSITIONS, quotas.check_transitions),
)

CALLS: Final = tuple(
    Check(providers.call_name(provider), providers.check_call_of(provider))
    for provider in PROVIDERS
)
"""What asks the providers; only when the user wants it."""
