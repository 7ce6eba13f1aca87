"""How long a task takes in GoAPI's sandbox."""

from infra.sandbox.context import SandboxState


def task_duration_s(state: SandboxState) -> float:
    """Return the duration of a task that starts now, in seconds of the sandbox's clock.

    It is the same for every model and both APIs: the sandbox's `job_s`, set by `--job-s` and by
    `POST /_sandbox/clock`. The time that a task is `staged` comes on top. `jobs.py` divides the
    duration between `pending` and `processing`.
    """
    return state.job_s
