"""How triggers arrive: the intake queue, its dead-letter queue, the bus, the rules between them.

What a trigger means is the intake function's business; nothing is filtered here but its kind.
"""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws.environments import Environment
from infra.aws.sizes import RECEIVES, SIZES, VISIBILITY_FACTOR
from infra.aws.storage import removal_policy


class Intake(Construct):
    """The queues, the bus, and the rules that fill the intake queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        input_bucket: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        removal = removal_policy(environment)
        # A message keeps its first enqueue time when it moves to the dead letters ("Using
        # dead-letter queues in Amazon SQS"), so these must be kept longer than the queue's 4 days.
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
                max_receive_count=RECEIVES, queue=self.dead_letters
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=removal,
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * SIZES["intake"].timeout_s),
        )
        self.bus = events.EventBus(self, "Bus", event_bus_name=environment.stack_name)
        to_queue = targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)
        events.Rule(
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
        events.Rule(
            self,
            "Requests",
            rule_name=f"{environment.stack_name}-requests",
            description="Tasks that somebody asks for with an event.",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail_type=["Task Requested"]),
            targets=[to_queue],
        )
