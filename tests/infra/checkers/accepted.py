"""What the checkers find in the template and Darkroom accepts, with the reason.

A resource is named by its logical id without CloudFormation's hash; `*` stands for any of a kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """One reason, and the findings it answers.

    Attributes:
        rules: a checker's rule -> patterns of the resources that may break it.
    """

    reason: str
    rules: Mapping[str, tuple[str, ...]]


FUNCTIONS = ("*DoorFunction",)

ACCEPTED = (
    Accepted(
        "Who reads and writes a bucket is recorded by CloudTrail's data events, which an account "
        "has for all its buckets or for none. A bucket of access logs is another one to own.",
        {
            "AwsSolutions-S1": ("Storage*Bucket",),
            "CKV_AWS_18": ("Storage*Bucket",),
        },
    ),
    Accepted(
        "The secrets are keys that providers give out on their web pages; none can be replaced "
        "through an API. The functions notice a new key by themselves.",
        {"AwsSolutions-SMG4": ("Storage*Secret",)},
    ),
    Accepted(
        "A name ends in * where the rest of it is not known before: an object's key, a log stream, "
        "a run, a stack. X-Ray, metrics, lists and CloudWatch's log delivery have no resources.",
        {
            "AwsSolutions-IAM5[Resource::*]": ("*DoorRole", "WorkflowRole", "PeopleOperators"),
            "AwsSolutions-IAM5[Resource::<StorageOutputBucket.Arn>/*]": ("*DoorRole", "People*"),
            "AwsSolutions-IAM5[Resource::<StorageInputBucket.Arn>/*]": (
                "IntakeDoorRole",
                "SubmitDoorRole",
                "PollDoorRole",
                "DeliverDoorRole",
                "SweepDoorRole",
                "People*",
            ),
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:"
            "<AWS::AccountId>:stack/darkroom-{environment}/*]": ("People*",),
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:"
            "<AWS::AccountId>:execution:darkroom-{environment}:*]": (
                "SweepDoorRole",
                "PeopleOperators",
            ),
            "Serverless-LambdaStarPermissions": ("*DoorRole",),
        },
    ),
    Accepted(
        "Every task has its history in the table and in its manifest, and Step Functions shows all "
        "events of a run for 90 days. All of them in a log cost more than the run.",
        {"AwsSolutions-SF1": ("WorkflowMachine",)},
    ),
    Accepted(
        "Only FAIL is invoked without somebody who waits for the answer, and it has a dead-letter "
        "queue. The workflow handles the errors of the other functions, the queue those of INTAKE, "
        "and the next sweep does what a failed one did not. The dead-letter queue is the last one.",
        {
            "CKV_AWS_116": tuple(
                f"{verb}DoorFunction" for verb in ("Intake", "Submit", "Poll", "Deliver", "Sweep")
            ),
            "Serverless-LambdaDLQ": tuple(
                f"{verb}DoorFunction" for verb in ("Intake", "Submit", "Poll", "Deliver", "Sweep")
            ),
            "Serverless-LambdaEventSourceMappingDestination": (
                "IntakeDoorFunctionSqsEventSource*",
            ),
            "Serverless-EventBusDLQ": ("EveryMinute",),
            "Serverless-SQSRedrivePolicy": ("IntakeDeadLetters",),
        },
    ),
    Accepted(
        "The functions call AWS and providers on the internet and nothing in a private network. "
        "In a VPC they would need a NAT gateway, and be no safer.",
        {"CKV_AWS_117": FUNCTIONS},
    ),
    Accepted(
        "Calls to providers are limited by rate and by open jobs, whatever runs at once. A part of "
        "the account's concurrency can be set aside with `reserved_concurrency`.",
        {"CKV_AWS_115": FUNCTIONS},
    ),
    Accepted(
        "AWS's own keys encrypt everything. A key of the customer's is one setting, `kms_key_arn`. "
        "The functions' variables hold names, and no secret.",
        {
            "CKV_AWS_27": ("IntakeQueue", "IntakeDeadLetters"),
            "CKV_AWS_119": ("StorageTable",),
            "CKV_AWS_149": ("Storage*Secret",),
            "CKV_AWS_158": ("*Log",),
            "CKV_AWS_173": FUNCTIONS,
        },
    ),
)
"""At most eight: with more, nobody reads them."""
