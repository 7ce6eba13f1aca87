"""A small stack comes to life: events, queues, executions, schedules, secrets, the Lambda endpoint.

Each test here holds one change to moto: without the change it fails.
"""

import base64
import contextlib
import http.client
import json
import socket
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.stack import Stack
from tests.local.tools import wait_for


def hear(stack: Stack, word: str, count: int = 1) -> list[dict[str, Any]]:
    """The events with this word that the rules have sent to the queue: these, and no more."""
    sqs, url = stack.client("sqs"), stack.outputs["Heard"]
    events: list[dict[str, Any]] = []

    def look() -> bool:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if word in message["Body"]:
                events.append(json.loads(message["Body"]))
        return not found and len(events) >= count

    wait_for(look)
    return events


def end(stack: Stack, arn: str) -> str:
    """How an execution ended."""
    states = stack.client("stepfunctions")

    def look() -> str | None:
        status = str(states.describe_execution(executionArn=arn)["status"])
        return None if status == "RUNNING" else status

    return wait_for(look)


def start(stack: Stack, does: str, **given: object) -> str:
    """Starts the small workflow; gives the execution's ARN."""
    states = stack.client("stepfunctions")
    answer = states.start_execution(
        stateMachineArn=stack.outputs["Machine"],
        name=given.pop("name", f"{does}-{uuid.uuid4()}"),
        input=json.dumps({"does": does, **given}),
    )
    return str(answer["executionArn"])


def test_an_upload_is_told_once_to_the_enabled_rule_of_the_default_bus(stack: Stack) -> None:
    """Disabled rules, other buses and schedules stay silent; the event is as AWS sends it."""
    key = "a folder/ü+%.jpg"
    put = stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key=key, Body=b"xyz")
    [event] = hear(stack, "folder")
    thing = event["detail"]["object"]
    assert event["detail-type"] == "Object Created"
    assert event["time"].endswith("Z")
    assert thing["key"] == key
    assert thing["size"] == 3
    assert thing["etag"] == put["ETag"].strip('"')
    assert thing["version-id"] == put["VersionId"]
    assert event["detail"]["reason"] == "PutObject"


def test_sequencers_grow(stack: Stack) -> None:
    """So that the order of two uploads can be told."""
    for _ in range(2):
        stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key="in-order", Body=b"")
    first, second = (event["detail"]["object"]["sequencer"] for event in hear(stack, "in-order", 2))
    assert first < second


def test_hiding_an_object_is_told(stack: Stack) -> None:
    """A delete in a versioned bucket makes a marker, and an event with the marker's version."""
    s3 = stack.client("s3")
    s3.put_object(Bucket=stack.outputs["Bucket"], Key="hidden", Body=b"")
    hear(stack, "hidden")
    marker = s3.delete_object(Bucket=stack.outputs["Bucket"], Key="hidden")
    [event] = hear(stack, "hidden")
    assert event["detail-type"] == "Object Deleted"
    assert event["detail"]["deletion-type"] == "Delete Marker Created"
    assert event["detail"]["object"]["version-id"] == marker["VersionId"]


def test_a_multipart_upload_is_told_once(stack: Stack) -> None:
    """As a completed upload, not as a put as well."""
    s3, where = stack.client("s3"), {"Bucket": stack.outputs["Bucket"], "Key": "parts"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    created = [one for one in hear(stack, "parts") if one["detail-type"] == "Object Created"]
    assert [one["detail"]["reason"] for one in created] == ["CompleteMultipartUpload"]


def test_an_event_of_ones_own_arrives_unchanged(stack: Stack) -> None:
    """What looks like a template's variable stays what it was."""
    entry = {
        "Source": "me",
        "DetailType": "Asked",
        "Detail": json.dumps({"key": "<id> <time>.jpg"}),
        "EventBusName": stack.outputs["Bus"],
    }
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    [event] = hear(stack, "Asked")
    assert event["detail"] == {"key": "<id> <time>.jpg"}
    assert "ingestion-time" not in event


def test_messages_reach_the_function_in_batches_and_failed_ones_come_back(stack: Stack) -> None:
    """The good are deleted at once; the bad come again, then go to the dead letters."""
    sqs, url = stack.client("sqs"), stack.outputs["Queue"]
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(("good", "bad one"))]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    dead = wait_for(lambda: sqs.receive_message(QueueUrl=stack.outputs["Dead"]).get("Messages"), 15)
    assert [message["Body"] for message in dead] == ["bad one"]
    handed_over = [body for note in stack.notes_with("bad one") for body in note]
    assert handed_over.count("bad one") == 2
    good = [body for note in stack.notes_with("good") for body in note]
    assert good.count("good") == 1


def test_a_schedule_calls_its_function(stack: Stack) -> None:
    """With the event that EventBridge sends."""
    [event, *_] = wait_for(lambda: stack.notes_with("Scheduled Event"))
    assert event["source"] == "aws.events"
    assert event["resources"][0].split(":")[5].startswith("rule/")


def test_references_reach_the_functions_variables(stack: Stack) -> None:
    """A bus by its name, a secret by its ARN, a table by its name; the log format as asked."""
    answer = stack.client("lambda").invoke(FunctionName="echo", Payload=b"{}")
    seen = json.loads(answer["Payload"].read())["environment"]
    assert seen["BUS"] == "small-bus"
    assert ":secret:small/secret" in seen["SECRET"]
    assert seen["TABLE"] == stack.outputs["Table"]
    assert seen["AWS_ENDPOINT_URL"] == stack.cloud.url
    assert seen["AWS_LAMBDA_LOG_FORMAT"] == "JSON"


def test_a_secret_has_the_templates_value_until_it_gets_another(stack: Stack) -> None:
    """As on AWS, where a person fills it in after the deployment."""
    secrets = stack.client("secretsmanager")
    arn = stack.outputs["Secret"]
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {"a": "b"}
    assert stack.cloud.secrets() == ["small/secret"]
    stack.cloud.put_secret("small/secret", {"api_key": "k"})
    found = secrets.get_secret_value(SecretId="small/secret")["SecretString"]
    assert json.loads(found) == {"api_key": "k"}


def test_a_function_is_invoked_by_name_and_by_arn(stack: Stack) -> None:
    """The answer and its headers are Lambda's."""
    functions = stack.client("lambda")
    arn = functions.get_function(FunctionName="echo")["Configuration"]["FunctionArn"]
    for name in ("echo", arn, f"{arn}:$LATEST"):
        answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}')
        assert answer["StatusCode"] == 200
        assert "FunctionError" not in answer
        assert json.loads(answer["Payload"].read())["event"] == {"a": 1}


def test_a_functions_error_is_no_http_error(stack: Stack) -> None:
    """It is in the header and the payload."""
    answer = stack.client("lambda").invoke(FunctionName="fail", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "LookupError"


def test_an_event_invocation_is_accepted_and_done_later(stack: Stack) -> None:
    """202 and no payload; the function gets the event."""
    word = str(uuid.uuid4())
    answer = stack.client("lambda").invoke(
        FunctionName="note", Payload=json.dumps(word).encode(), InvocationType="Event"
    )
    assert answer["StatusCode"] == 202
    assert wait_for(lambda: stack.notes_with(word)) == [word]


def test_a_failed_event_invocation_ends_in_the_functions_dead_letters(stack: Stack) -> None:
    """After three tries, as the template's `DeadLetterConfig` asks, with the error's message."""
    word = json.dumps(str(uuid.uuid4()))
    stack.client("lambda").invoke(
        FunctionName="note_and_fail", Payload=word.encode(), InvocationType="Event"
    )
    receive = stack.client("sqs").receive_message
    dead = wait_for(
        lambda: receive(QueueUrl=stack.outputs["Dead"], MessageAttributeNames=["All"]).get(
            "Messages"
        ),
        15,
    )
    assert [message["Body"] for message in dead] == [word]
    assert "no good" in dead[0]["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert len(stack.notes_with(json.loads(word))) == 3


def test_an_unknown_function_and_a_payload_that_is_no_json_are_refused(stack: Stack) -> None:
    """With the codes that boto3 turns into exceptions."""
    functions = stack.client("lambda")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.invoke(FunctionName="nobody", Payload=b"{}")
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        functions.invoke(FunctionName="echo", Payload=b"{")


def test_an_error_inside_moto_is_no_html_page(stack: Stack) -> None:
    """It is a failure of the service, in the form that clients can read."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{stack.cloud.url}/",
        data=b"no json",
        headers={
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/x",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)  # noqa: S310 - our own server
    with caught.value as error:
        assert error.code == 500
        assert json.load(error)["__type"] == "InternalFailure"


def ask(stack: Stack, method: str, path: str, **headers: str) -> tuple[int, str, str]:
    """One request as it is said; status, body and all headers of the answer."""
    line = http.client.HTTPConnection(stack.cloud.url.removeprefix("http://"), timeout=10)
    with contextlib.closing(line):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, path, b"{}" if method == "POST" else None, named)
        answer = line.getresponse()
        return answer.status, answer.read().decode(), str(answer.headers).lower()


def signed(service: str, key: str = "local") -> str:
    """A header as clients make it; nobody looks at the signature."""
    scope = f"{key}/20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


SECRET = {
    "X_Amz_Target": "secretsmanager.GetSecretValue",
    "Content_Type": "application/x-amz-json-1.1",
    "Authorization": signed("secretsmanager"),
}
INVOKE = "/2015-03-31/functions/echo/invocations"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", SECRET),
        ("POST", INVOKE, {"Content_Type": "text/plain", "Authorization": signed("lambda")}),
        ("GET", "/moto-api/data.json", {"Authorization": signed("s3")}),
        ("GET", "/small-stack/", {"Authorization": signed("s3")}),
    ],
    ids=["secret", "function", "moto", "bucket"],
)
@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:9"},
    ],
    ids=str,
)
def test_a_web_page_gets_nothing(
    stack: Stack, method: str, path: str, headers: dict[str, str], page: dict[str, str]
) -> None:
    """Neither an answer nor the right to read one, whatever it asks for and knows."""
    status, body, told = ask(stack, method, path, **headers, **page)
    assert status == 403
    assert "access-control-" not in told
    assert "web page" in body or "This answers to 127.0.0.1:" in body
    assert stack.notes_with("evil") == []


def test_a_preflight_is_not_granted(stack: Stack) -> None:
    """And no answer ever says that a page may read it."""
    wants = {"Access_Control_Request_Method": "POST", "Authorization": signed("s3")}
    for page in ({"Origin": "https://evil.example"}, {}):
        status, _, told = ask(stack, "OPTIONS", "/", **wants, **page)
        assert (status, "access-control-" in told) == (403, False)
    status, _, told = ask(stack, "GET", "/small-stack/", Authorization=signed("s3"))
    assert (status, "access-control-" in told) == (200, False)


def test_a_refused_requests_body_is_no_second_request(stack: Stack) -> None:
    """Else a page could hide one there that bears no mark of a page."""
    host = stack.cloud.url.removeprefix("http://")
    hidden = f"GET /small-stack/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: {signed('s3')}\r\n\r\n"
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: null\r\nContent-Length: {len(hidden)}\r\n\r\n"
    )
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), 10) as line:
        line.sendall((head + hidden).encode())
        said = b"".join(iter(lambda: line.recv(65536), b""))
    assert said.count(b"HTTP/1.") == 1
    assert b" 403 " in said.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("service", "call", "given"),
    [
        ("s3", "list_buckets", {}),
        ("secretsmanager", "list_secrets", {}),
        ("sqs", "list_queues", {}),
        ("cloudformation", "list_stacks", {}),
        ("lambda", "invoke", {"FunctionName": "echo", "Payload": b"{}"}),
    ],
)
def test_another_access_key_is_told_which_one_to_use(
    stack: Stack, service: str, call: str, given: dict[str, Any]
) -> None:
    """In a form that every client can read: a real one must not be sent about by mistake."""
    client = boto3.Session("AKIAREAL", "s", region_name="us-east-1").client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack.cloud.url,
    )
    with contextlib.closing(client), pytest.raises(ClientError) as caught:
        getattr(client, call)(**given)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert "AWS_ACCESS_KEY_ID=local" in caught.value.response["Error"]["Message"]


def test_a_signed_link_is_good_for_its_object_alone(stack: Stack) -> None:
    """As on AWS; a page could show any other as a picture, and that is enough to act."""
    s3 = stack.client("s3")
    s3.put_object(Bucket="small-stack", Key="linked", Body=b"xyz")
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "small-stack", "Key": "linked"}
    )
    path = link.removeprefix(stack.cloud.url)
    assert ask(stack, "GET", path)[:2] == (200, "xyz")
    assert ask(stack, "GET", path, Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(stack, "GET", path.replace("local", "other"))[0] == 403
    assert ask(stack, "GET", "/small-stack/linked")[0] == 403
    queue = "/sqs_us-east-1/123456789012/heard?Action=PurgeQueue&X-Amz-Credential=local"
    for scope in ("/20260101/us-east-1/sqs/aws4_request", "/20260101/us-east-1/s3/aws4_request"):
        assert ask(stack, "GET", queue + scope)[0] == 403


def test_a_workflow_runs_its_function_and_waits(stack: Stack) -> None:
    """Substitutions are made, and a wait takes as long as it says."""
    started = time.monotonic()
    arn = start(stack, "wait", s=1)
    assert end(stack, arn) == "SUCCEEDED"
    assert 1 <= time.monotonic() - started < 3
    output = stack.client("stepfunctions").describe_execution(executionArn=arn)["output"]
    assert json.loads(output)["step"] == {"next": "done", "wait_s": 1}


def test_a_function_error_is_retried_by_its_name_and_its_bad_end_is_told(stack: Stack) -> None:
    """Two tries, then FAILED, then the event of that reaches the rule's function."""
    arn = start(stack, "raise")
    assert end(stack, arn) == "FAILED"
    assert len(stack.notes_with('"step": "raise"')) == 2
    [event] = wait_for(lambda: stack.notes_with(arn))
    detail = event["detail"]
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert (detail["status"], detail["error"]) == ("FAILED", "LookupError")
    assert json.loads(detail["input"]) == {"does": "raise"}
    assert detail["stateMachineArn"] == stack.outputs["Machine"]
    assert detail["startDate"] <= detail["stopDate"]


def test_a_good_end_is_not_told_to_the_rule_for_bad_ones(stack: Stack) -> None:
    """The rule's pattern decides, not the local environment."""
    arn = start(stack, "go")
    assert end(stack, arn) == "SUCCEEDED"
    assert stack.notes_with(arn) == []


def test_a_functions_time_out_is_caught_by_its_name(stack: Stack) -> None:
    """The name is what Lambda gives to Step Functions."""
    arn = start(stack, "dawdle", s=20)
    assert end(stack, arn) == "SUCCEEDED"


def test_a_fail_state_may_pass_on_a_reserved_error(stack: Stack) -> None:
    """States.Timeout stays States.Timeout."""
    arn = start(stack, "reserved", error="States.Timeout")
    assert end(stack, arn) == "FAILED"
    found = stack.client("stepfunctions").describe_execution(executionArn=arn)
    assert found["error"] == "States.Timeout"


def test_a_stopped_execution_is_aborted_even_while_its_function_runs(stack: Stack) -> None:
    """And its end is told."""
    arn = start(stack, "dawdle", s=1)
    wait_for(lambda: stack.notes_with('"step": "dawdle"'))
    stack.client("stepfunctions").stop_execution(executionArn=arn)
    assert end(stack, arn) == "ABORTED"
    [event] = wait_for(lambda: stack.notes_with(arn))
    assert event["detail"]["status"] == "ABORTED"


def test_an_execution_without_a_name_gets_one_of_its_own(stack: Stack) -> None:
    """Two nameless executions are two."""
    states, machine = stack.client("stepfunctions"), stack.outputs["Machine"]
    arns = {
        states.start_execution(stateMachineArn=machine, input='{"does": "go"}')["executionArn"]
        for _ in range(2)
    }
    assert len(arns) == 2
    assert not any(arn.endswith(":None") for arn in arns)


@pytest.mark.parametrize("name", ["a b", "a/b", "a#b", "a" * 81])
def test_an_impossible_execution_name_is_refused(stack: Stack, name: str) -> None:
    """The characters and the length are those of the API reference."""
    with pytest.raises(ClientError, match=r"InvalidName|ValidationException"):
        start(stack, "go", name=name)


def test_a_finished_executions_name_stays_taken(stack: Stack) -> None:
    """So a repeated trigger cannot run a task again."""
    name = str(uuid.uuid4())
    arn = start(stack, "go", name=name)
    assert end(stack, arn) == "SUCCEEDED"
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(stack, "go", name=name)


def test_a_put_takes_no_second(stack: Stack) -> None:
    """`100 Continue` goes out at once, so that a client does not wait for it in vain."""
    body = base64.b64encode(b"x" * 200_000)
    started = time.monotonic()
    stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key="continue", Body=body)
    assert time.monotonic() - started < 0.9
