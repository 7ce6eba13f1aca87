"""How triggers arrive: the intake queue, its dead-letter queue, the event bus and the rules.

The rules filter by type of event only; the intake function decides what an event means.
"""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws import permissions
from infra.aws.environments import Environment
from infra.aws.sizes import MAX_RECEIVES, SIZES, VISIBILITY_FACTOR
from infra.aws.storage import removal_policy


class Intake(Construct):
    """The queues, the bus, and the rules that send to the intake queue.

    The environment's KMS key encrypts the queues; without one, SQS's own does.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        input_bucket: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        removal = removal_policy(environment)
        # A message keeps its first enqueue time when it moves to the dead-letter queue ("Using
        # dead-letter queues in Amazon SQS"), so that queue must keep it for more than 4 days.
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{environment.stack_name}-dead-letters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=removal,
            retention_period=Duration.days(14),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=f"{environment.stack_name}-intake",
            dead_letter_queue=sqs.DeadLetterQueue(
                max_receive_count=MAX_RECEIVES, queue=self.dead_letters
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=removal,
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * SIZES["intake"].timeout_s),
        )
        if environment.kms_key_arn:
            for queue in (self.queue, self.dead_letters):
                _encrypt(queue, environment.kms_key_arn)
        self.bus = events.EventBus(self, "Bus", event_bus_name=environment.stack_name)
        # By its ARN, because the target would give each rule more rights on a queue than sending.
        target = sqs.Queue.from_queue_arn(self, "Target", self.queue.queue_arn)
        to_queue = targets.SqsQueue(target, dead_letter_queue=self.dead_letters)
        uploads = events.Rule(
            self,
            "Uploads",
            rule_name=f"{environment.stack_name}-uploads",
            description="Files that appear in, come back to or vanish from the input bucket.",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created", "Object Deleted", "Object Restore Completed"],
                detail={"bucket": {"name": [input_bucket.bucket_name]}},
            ),
            targets=[to_queue],
        )
        requests = events.Rule(
            self,
            "Requests",
            rule_name=f"{environment.stack_name}-requests",
            description="Tasks that are requested with an event.",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail_type=["Task Requested"]),
            targets=[to_queue],
        )
        for rule in (uploads, requests):
            self.queue.add_to_resource_policy(
                permissions.let_rule_send(rule.rule_arn, self.queue.queue_arn)
            )


def _encrypt(queue: sqs.Queue, key_arn: str) -> None:
    # To a queue that the construct knows to be encrypted it lets every rule of the account send,
    # because a key of the same stack would need the rules' ARNs; this key is of another one.
    resource = queue.node.default_child
    if not isinstance(resource, sqs.CfnQueue):  # pragma: no cover - the CDK made it
        msg = "a queue without its CloudFormation resource"
        raise TypeError(msg)
    resource.sqs_managed_sse_enabled = None
    resource.kms_master_key_id = key_arn
