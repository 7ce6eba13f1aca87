"""The permissions, written out: each function returns the statements for one ability.

A resource ends in `*` only where the rest of its name is not known before it exists: an object's
key, a log stream, a run. Two services take nothing but `*`; both say so.
"""

from collections.abc import Iterable

from aws_cdk import aws_iam as iam


def read_objects(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Look at and read what any object is now.

    Listing comes with it because S3 answers 403 instead of 404 for a missing key to those who may
    not list (S3 API reference, "HeadObject"), and the difference decides what happens next.
    """
    return [
        _allow(["s3:GetObject"], f"{bucket_arn}/*"),
        _allow(["s3:ListBucket"], bucket_arn),
    ]


def read_versions(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Read any version of any object; what has no version is read by its ETag."""
    return [
        *read_objects(bucket_arn),
        _allow(["s3:GetObjectVersion"], f"{bucket_arn}/*"),
    ]


def write_objects(bucket_arn: str) -> list[iam.PolicyStatement]:
    """Write objects, each in one piece. Nobody deletes any."""
    return [_allow(["s3:PutObject"], f"{bucket_arn}/*")]


def keep_tasks(table_arn: str) -> list[iam.PolicyStatement]:
    """Read and write single items, also in transactions; no scan, no query."""
    return [_allow(["dynamodb:GetItem", "dynamodb:PutItem"], table_arn)]


def update_items(table_arn: str) -> list[iam.PolicyStatement]:
    """Move single items on without writing them anew: lanes, leases, standings, what is due."""
    return [_allow(["dynamodb:UpdateItem"], table_arn)]


def forget_wants(table_arn: str) -> list[iam.PolicyStatement]:
    """Delete single items: what a task waited for."""
    return [_allow(["dynamodb:DeleteItem"], table_arn)]


def query_wants(table_arn: str) -> list[iam.PolicyStatement]:
    """Ask the table itself who waits for a file."""
    return [_allow(["dynamodb:Query"], table_arn)]


def query_index(table_arn: str, index: str) -> list[iam.PolicyStatement]:
    """Ask one secondary index."""
    return [_allow(["dynamodb:Query"], f"{table_arn}/index/{index}")]


def read_secrets(secret_arns: Iterable[str]) -> list[iam.PolicyStatement]:
    """Read the providers' credentials."""
    return [_allow(["secretsmanager:GetSecretValue"], *secret_arns)]


def send_events(bus_arn: str) -> list[iam.PolicyStatement]:
    """Tell the bus how tasks end."""
    return [_allow(["events:PutEvents"], bus_arn)]


def start_runs(state_machine_arn: str) -> list[iam.PolicyStatement]:
    """Start a run of a task."""
    return [_allow(["states:StartExecution"], state_machine_arn)]


def ask_about_runs(executions_arn: str) -> list[iam.PolicyStatement]:
    """Ask how a run stands; the ARN ends in `:*`, which stands for the runs' names."""
    return [_allow(["states:DescribeExecution"], executions_arn)]


def send_messages(queue_arn: str) -> list[iam.PolicyStatement]:
    """Put messages into a queue."""
    return [_allow(["sqs:SendMessage"], queue_arn)]


def receive_messages(queue_arn: str) -> list[iam.PolicyStatement]:
    """What Lambda's poller does in the function's name."""
    return [
        _allow(
            [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ],
            queue_arn,
        )
    ]


def invoke(function_arns: Iterable[str]) -> list[iam.PolicyStatement]:
    """Call functions."""
    return [_allow(["lambda:InvokeFunction"], *function_arns)]


def write_log(log_group_arn: str) -> list[iam.PolicyStatement]:
    """Write to one log group; its ARN ends in `:*`, which stands for its streams."""
    return [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group_arn)]


def trace() -> list[iam.PolicyStatement]:
    """Send traces; X-Ray knows no resource ("Actions, resources, and condition keys")."""
    return [_allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")]


def sample_traces() -> list[iam.PolicyStatement]:
    """Ask which requests to trace, as a state machine does; again without a resource."""
    return [_allow(["xray:GetSamplingRules", "xray:GetSamplingTargets"], "*")]


def deliver_logs() -> list[iam.PolicyStatement]:
    """Let a state machine log; CloudWatch's delivery API knows no resource.

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


def _allow(actions: list[str], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=list(resources))
