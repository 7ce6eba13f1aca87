"""Which IAM rights each function has (`build_statements`), and the statements for each right.

The match in `build_statements` lists the rights of INTAKE, SUBMIT, POLL, DELIVER, FAIL and SWEEP,
one case each. A resource ends in `*` only if the rest of its name is not known before it exists: an
object's key, a log stream, a run. X-Ray and CloudWatch's log delivery accept nothing but `*`.
Every right is used: a test compares them with the requests that the functions make.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from darkroom.aws.dynamodb_indexes import BY_BATCH, BY_DUE, BY_KEY
from infra.aws.sizes import Verb

# The functions that call a provider, or check whether one is set up. FAIL and SWEEP cancel the jobs
# of tasks that are given up. DELIVER needs no key to download results.
WITH_SECRETS: frozenset[Verb] = frozenset({"intake", "submit", "poll", "fail", "sweep"})


@dataclass(frozen=True, slots=True)
class Resources:
    """The ARNs of everything that a function may have a right on.

    Attributes:
        secrets: of the providers' credentials.
        state_machine, runs: of the workflow, and of all its runs.
        key: of the KMS key that encrypts all this; None where AWS's own keys do.
    """

    input_bucket: str
    output_bucket: str
    table: str
    secrets: Sequence[str]
    event_bus: str
    intake_queue: str
    dead_letters: str
    state_machine: str
    runs: str
    key: str | None = None


def build_statements(verb: Verb, on: Resources) -> list[iam.PolicyStatement]:
    """The rights of the function for `verb`, beyond its log, its traces and its dead letters."""
    return _build_rights(verb, on) + (use_key(on.key, verb) if on.key else [])


def _build_rights(verb: Verb, on: Resources) -> list[iam.PolicyStatement]:
    common = [
        *keep_tasks(on.table),
        *update_items(on.table),
        # Every function gives turns: it queries a provider's line, notes who missed a turn, and
        # starts the runs of the first in line.
        *query_items(on.table),
        *start_runs(on.state_machine),
        # Every function may end a task, in steps that may each be repeated: manifest, state, event,
        # and clearing its `wants#` notes and its due time. Objects are read first, then
        # overwritten with If-Match.
        *delete_items(on.table),
        *read_objects(on.output_bucket),
        *write_objects(on.output_bucket),
        *send_events(on.event_bus),
    ]
    if verb in WITH_SECRETS:
        common += read_secrets(on.secrets)
    match verb:
        case "intake":
            return [
                *common,
                *read_versions(on.input_bucket),
                *receive_messages(on.intake_queue),
                *send_messages(on.dead_letters),
                # A new task opens the batches of its folders again that had ended.
                *read_batches(on.table),
                # INTAKE splits what would take too long into messages to itself, and looks again
                # at a photo that had time to get a spec of its own.
                *send_messages(on.intake_queue),
            ]
        case "submit":
            return [*common, *read_versions(on.input_bucket)]
        case "poll" | "deliver":
            # A result is compared with the version of the photo that it was made from.
            return [*common, *read_pinned(on.input_bucket)]
        case "fail":
            return common
        case "sweep":
            return [
                *common,
                *describe_runs(on.runs),
                *query_index(on.table, BY_DUE),
                # A spec that waited for a corrected folder default is read in its own version.
                *read_versions(on.input_bucket),
                # What the tasks of a batch add up to; and whether all its photos have one.
                *read_batches(on.table),
                *query_index(on.table, BY_KEY),
                *query_index(on.table, BY_BATCH),
            ]


def read_objects(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Read the current version of any object.

    Listing is included because S3 answers 403 instead of 404 for a missing key without the right to
    list (S3 API reference, "HeadObject"), and Darkroom must know which one it is.
    """
    return [
        _allow(["s3:GetObject"], f"{bucket_arn}/*"),
        _allow(["s3:ListBucket"], bucket_arn),
    ]


def read_pinned(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Read objects that a task has pinned: a version, or in a bucket without versioning an ETag."""
    return [_allow(["s3:GetObject", "s3:GetObjectVersion"], f"{bucket_arn}/*")]


def read_versions(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Read any version of any object; without versioning, objects are read by ETag."""
    return [
        *read_objects(bucket_arn),
        _allow(["s3:GetObjectVersion"], f"{bucket_arn}/*"),
    ]


def write_objects(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Write objects, each with one PUT. No function may delete any."""
    return [_allow(["s3:PutObject"], f"{bucket_arn}/*")]


def keep_tasks(table_arn: str) -> list[iam.PolicyStatement]:
    """Get and put single items, also in transactions; no scan, no query."""
    return [_allow(["dynamodb:GetItem", "dynamodb:PutItem"], table_arn)]


def update_items(table_arn: str) -> list[iam.PolicyStatement]:
    """Update single items: leases, circuit states, missed turns, due times."""
    return [_allow(["dynamodb:UpdateItem"], table_arn)]


def delete_items(table_arn: str) -> list[iam.PolicyStatement]:
    """Delete single items: a task's `wants#` notes, and in transactions its place in line."""
    return [_allow(["dynamodb:DeleteItem"], table_arn)]


def query_items(table_arn: str) -> list[iam.PolicyStatement]:
    """Query the table: the tasks that wait for a file, or for a turn at a provider."""
    return [_allow(["dynamodb:Query"], table_arn)]


def query_index(table_arn: str, index: str) -> list[iam.PolicyStatement]:
    """Query one secondary index."""
    return [_allow(["dynamodb:Query"], f"{table_arn}/index/{index}")]


def read_batches(table_arn: str) -> list[iam.PolicyStatement]:
    """Read several batches at once."""
    return [_allow(["dynamodb:BatchGetItem"], table_arn)]


def read_secrets(secret_arns: Iterable[str]) -> list[iam.PolicyStatement]:
    """Read the providers' credentials."""
    return [_allow(["secretsmanager:GetSecretValue"], *secret_arns)]


def send_events(bus_arn: str) -> list[iam.PolicyStatement]:
    """Publish the events of tasks that ended."""
    return [_allow(["events:PutEvents"], bus_arn)]


def start_runs(state_machine_arn: str) -> list[iam.PolicyStatement]:
    """Start a run of a task."""
    return [_allow(["states:StartExecution"], state_machine_arn)]


def describe_runs(executions_arn: str) -> list[iam.PolicyStatement]:
    """Read a run's status; the ARN ends in `:*` for the runs' names."""
    return [_allow(["states:DescribeExecution"], executions_arn)]


def send_messages(queue_arn: str) -> list[iam.PolicyStatement]:
    """Send messages to a queue."""
    return [_allow(["sqs:SendMessage"], queue_arn)]


def let_rule_send(rule_arn: str, queue_arn: str) -> iam.PolicyStatement:
    """A statement of a queue's policy: EventBridge may send to the queue for this rule.

    EventBridge user guide, "Using resource-based policies for Amazon EventBridge".
    """
    return iam.PolicyStatement(
        actions=["sqs:SendMessage"],
        conditions={"ArnEquals": {"aws:SourceArn": rule_arn}},
        principals=[iam.ServicePrincipal("events.amazonaws.com")],
        resources=[queue_arn],
    )


def receive_messages(queue_arn: str) -> list[iam.PolicyStatement]:
    """Receive from a queue, as Lambda's poller does with the function's role.

    The list is that of AWS's managed policy AWSLambdaSQSQueueExecutionRole (Lambda developer guide,
    "Creating and configuring an Amazon SQS event source mapping").
    """
    actions = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return [_allow(actions, queue_arn)]


def use_key(key_arn: str, verb: Verb) -> list[iam.PolicyStatement]:
    """Use a KMS key through the services that a function reads or writes with it, no other way.

    Reading takes `kms:Decrypt`. Writing an object or sending a message takes a data key, and SQS
    checks it by decrypting it (SQS guide, "Key management"). DynamoDB decrypts the table's key for
    its caller, also to write (DynamoDB guide, "How encryption at rest works").
    """
    sends = ["sqs"] if verb in ("intake", "fail") else []
    reads = ["s3", "dynamodb", *sends, *(["secretsmanager"] if verb in WITH_SECRETS else [])]
    return [
        allow_through(reads, "kms:Decrypt", key_arn),
        allow_through(["s3", *sends], "kms:GenerateDataKey", key_arn),
    ]


def invoke(function_arns: Iterable[str]) -> list[iam.PolicyStatement]:
    """Invoke functions."""
    return [_allow(["lambda:InvokeFunction"], *function_arns)]


def write_log(log_group_arn: str) -> list[iam.PolicyStatement]:
    """Write to one log group; its ARN ends in `:*` for its streams."""
    return [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group_arn)]


def trace() -> list[iam.PolicyStatement]:
    """Send traces; X-Ray has no resources ("Actions, resources, and condition keys")."""
    return [_allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")]


def sample_traces() -> list[iam.PolicyStatement]:
    """Read which requests to trace, as a state machine does; also without a resource."""
    return [_allow(["xray:GetSamplingRules", "xray:GetSamplingTargets"], "*")]


def deliver_logs() -> list[iam.PolicyStatement]:
    """Let a state machine log; CloudWatch's delivery API has no resources.

    The list is that of the Step Functions guide, "Using CloudWatch Logs to log execution history".
    """
    return [
        _allow(
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            "*",
        )
    ]


def allow_through(services: Sequence[str], action: str, key_arn: str) -> iam.PolicyStatement:
    """Use a KMS key for requests that these services make."""
    hosts = [f"{service}.{Aws.REGION}.amazonaws.com" for service in services]
    return iam.PolicyStatement(
        actions=[action],
        resources=[key_arn],
        conditions={"StringEquals": {"kms:ViaService": hosts}},
    )


def _allow(actions: list[str], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=list(resources))
