"""How triggers and failed runs travel: notifications, rules, queues."""

from tests.infra.template import VERBS, Resource, Template, references


def test_only_the_input_bucket_notifies_eventbridge(template: Template) -> None:
    """Through its own property: no function is deployed to set it; results trigger nothing."""
    bucket = template.one("S3::Bucket", "Input")
    assert bucket["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    assert template.one("S3::Bucket", "Output").get("NotificationConfiguration") is None
    assert not [each.type for each in template if "Custom" in each.type]
    names = {each["FunctionName"] for each in template.of_type("Lambda::Function")}
    assert names == {f"darkroom-{template.environment}-{verb}" for verb in VERBS}


def test_intake_can_finish_before_its_messages_are_visible_again(template: Template) -> None:
    """Six times the time-out, as the Lambda guide advises, and enough receives for a burst."""
    queue = template.one("SQS::Queue", "IntakeQueue")
    assert queue["VisibilityTimeout"] >= 6 * template.function("intake")["Timeout"]
    redrive = queue["RedrivePolicy"]
    dead_letters = template.one("SQS::Queue", "DeadLetters")
    assert references(redrive["deadLetterTargetArn"]) == {dead_letters.id}
    assert redrive["maxReceiveCount"] == 20
    assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 3600
    # The age of a dead letter counts from when it was first sent.
    assert dead_letters["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    # All receives happen within the queue's retention period.
    assert redrive["maxReceiveCount"] * queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"]


def test_intake_polls_the_queue_in_batches_that_may_fail_in_part(template: Template) -> None:
    """One bad message does not bring the others of its batch back."""
    mapping = template.one("Lambda::EventSourceMapping")
    assert references(mapping["EventSourceArn"]) == {template.one("SQS::Queue", "IntakeQueue").id}
    assert references(mapping["FunctionName"]) == {template.function("intake").id}
    assert mapping["BatchSize"] == 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_uploads_deletions_and_restored_files_reach_the_intake_queue(template: Template) -> None:
    """The rule is on the default bus, where S3 publishes, for the input bucket only."""
    rule = template.one("Events::Rule", "Uploads")
    assert rule.get("EventBusName") is None
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted", "Object Restore Completed"],
        "detail": {"bucket": {"name": [{"Ref": template.one("S3::Bucket", "Input").id}]}},
    }
    _assert_sends_to_intake_queue(template, rule)


def test_requested_tasks_reach_the_intake_queue(template: Template) -> None:
    """The rule is on the stack's own bus."""
    rule = template.one("Events::Rule", "Requests")
    assert references(rule["EventBusName"]) == {template.one("Events::EventBus").id}
    assert rule["EventPattern"] == {"detail-type": ["Task Requested"]}
    _assert_sends_to_intake_queue(template, rule)


def test_failed_runs_reach_fail(template: Template) -> None:
    """No Catch sees those ends; FAIL gets them, and an event that it fails on is not lost."""
    rule = template.one("Events::Rule", "BadEnds")
    machine = template.one("StepFunctions::StateMachine")
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [{"Ref": machine.id}],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }
    fail, dead_letters = template.function("fail"), template.one("SQS::Queue", "DeadLetters")
    (target,) = rule["Targets"]
    assert references(target["Arn"]) == {fail.id}
    assert references(target["DeadLetterConfig"]["Arn"]) == {dead_letters.id}
    assert references(fail["DeadLetterConfig"]["TargetArn"]) == {dead_letters.id}
    _assert_may_invoke(template, rule, fail)


def test_sweep_runs_every_minute(template: Template) -> None:
    """Without any event."""
    rule = template.one("Events::Rule", "EveryMinute")
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Targets"]
    assert references(target["Arn"]) == {template.function("sweep").id}
    # The next one comes in a minute; a late one beside it would do the same work twice.
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    _assert_may_invoke(template, rule, template.function("sweep"))


def _assert_sends_to_intake_queue(template: Template, rule: Resource) -> None:
    queue, dead_letters = (
        template.one("SQS::Queue", word) for word in ("IntakeQueue", "DeadLetters")
    )
    (target,) = rule["Targets"]
    assert references(target["Arn"]) == {queue.id}
    assert references(target["DeadLetterConfig"]["Arn"]) == {dead_letters.id}
    for each in (queue, dead_letters):
        (policy,) = [
            policy
            for policy in template.of_type("SQS::QueuePolicy")
            if references(policy["Queues"]) == {each.id}
        ]
        assert any(
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "events.amazonaws.com"}
            and references(statement["Condition"]) == {rule.id}
            for statement in policy["PolicyDocument"]["Statement"]
        )


def _assert_may_invoke(template: Template, rule: Resource, function: Resource) -> None:
    assert any(
        references(each["FunctionName"]) == {function.id}
        and references(each["SourceArn"]) == {rule.id}
        and each["Principal"] == "events.amazonaws.com"
        for each in template.of_type("Lambda::Permission")
    )
