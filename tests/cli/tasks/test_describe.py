"""A task as text and as JSON."""

from infra.cli.tasks.describe import task_as_dict, task_lines
from tests.cli.factories import make_attempt, make_task


def test_a_description_holds_no_request_and_no_signed_url() -> None:
    """The request of an open attempt stays in the store."""
    secret = make_attempt(outcome="open", request='{"url": "https://signed"}', job_id="job-7")
    task = make_task(state="submitting", attempts=(secret,))
    description = f"{task_as_dict(task)} {task_lines(task)}"
    assert "signed" not in description
    assert "job-7" in description


def test_a_failed_task_is_described_with_its_reason_and_next_step() -> None:
    """The last lines say what to do."""
    lines = task_lines(make_task(state="failed"))
    assert lines[-2].endswith("SnapAPI has no credits left. (no-credits)")
    assert lines[-1] == "next       Buy some."
