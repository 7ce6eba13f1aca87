"""The Lambda handler of a workflow step: from event to `Invocation`, from `Step` to answer.

Logs hold ids and the answer, never the event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.ports import Step

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


@dataclass(frozen=True)
class Invocation:
    """One call of a step by the workflow.

    Attributes:
        error: the name of the error that broke the run, or None.
        time_left_s: how long the function may still run, seconds.
        waited_s: the wait that the step before has asked for, seconds; None in the first step.
    """

    task_id: str
    run: int
    error: str | None
    time_left_s: Callable[[], float]
    waited_s: float | None = None


def step_handler(
    verb: str, run_step: Callable[[Invocation], Step], environment: Callable[[], str]
) -> Handler:
    """The Lambda handler of one step of the workflow.

    Its event has `task_id` and `run`, perhaps `error`, and the last answer as `step`; an answer is
    `{next, wait_s}`. Its metrics have the dimension `environment`.
    """
    logger = Logger(service=verb)
    metrics = Metrics(service=verb)

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        invocation = Invocation(
            task_id=str(event["task_id"]),
            run=int(event["run"]),
            error=event.get("error", {}).get("Error"),
            time_left_s=lambda: context.get_remaining_time_in_millis() / 1000,
            waited_s=event.get("step", {}).get("wait_s"),
        )
        logger.append_keys(task_id=invocation.task_id, run=invocation.run)
        try:
            step = run_step(invocation)
        except Exception as error:
            # The runtime logs the error itself, in a line that has neither task nor run.
            logger.error("%s failed", verb, extra={"error": type(error).__name__})  # noqa: TRY400 - the same
            raise
        metrics.add_dimension(name="environment", value=environment())
        metrics.add_dimension(name="next", value=step.next)
        metrics.add_metric(name="Steps", unit=MetricUnit.Count, value=1)
        logger.info(verb, extra=step.as_dict())
        return step.as_dict()

    observed: Handler = metrics.log_metrics(
        logger.inject_lambda_context(handler, clear_state=True), capture_cold_start_metric=True
    )
    return observed
