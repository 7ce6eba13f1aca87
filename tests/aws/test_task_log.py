"""Each stored change of a task is one line of the log, with ids and figures alone."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.aws.task_log import LOG, describe_change, name_change
from darkroom.domain.errors import Conflict, Failure
from darkroom.domain.task import Ending
from tests.fakes.moto_aws import cloud_table, table
from tests.fakes.task_factory import full_task, sample_task


@pytest.fixture
def tasks() -> Iterator[DynamoTasks]:
    """The store on moto."""
    with cloud_table():
        yield DynamoTasks(table())


def test_writes_are_logged_and_refused_writes_are_not(
    tasks: DynamoTasks, caplog: pytest.LogCaptureFixture
) -> None:
    """With the task, its run and its provider."""
    caplog.set_level(logging.INFO, LOG.name)
    task = sample_task()
    tasks.create(task, previous=None, owner=None)
    tasks.replace(task, replace(task, state="submitting"))
    with pytest.raises(Conflict):
        tasks.replace(task, replace(task, state="cancelled"))
    assert [record.message for record in caplog.records] == ["task created", "task submitting"]
    for record in caplog.records:
        fields = vars(record)
        assert (fields["task_id"], fields["run"], fields["provider"]) == (task.task_id, 1, "beta")


def test_event_is_named_after_what_changed() -> None:
    """The state, or a new run."""
    task = sample_task()
    assert name_change(None, task) == "task created"
    assert name_change(task, replace(task, state="submitting")) == "task submitting"
    assert name_change(task, replace(task, run=2)) == "task run 2"
    assert name_change(task, replace(task, waits=1)) == "task changed"


def test_line_has_no_key_no_sentence_and_no_address() -> None:
    """Of a task with something in every field."""
    ending = Ending("failed", Failure("job-failed", "A sentence about photos/ä.", "A step."))
    task = replace(full_task(), ending=ending, wait_reason="waits for photos/x.jpg")
    line = describe_change(sample_task(), task)
    text = json.dumps(line, ensure_ascii=False)
    for secret in ("photos/", "sentence", "https:", "exact", "step"):
        assert secret not in text
    assert line["code"] == "job-failed"
    assert (line["job_id"], line["credits"], line["was"]) == ("job-1", 1.5, "queued")
