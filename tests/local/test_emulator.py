"""The sample stack in the emulator: events, queues, executions, schedules, secrets, Lambda's API.

Each test needs one patch of moto: without the patch it fails.
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

from tests.local.sample_template import Stack
from tests.local.wait import wait_for


def receive(stack: Stack, word: str, count: int = 1) -> list[dict[str, Any]]:
    """The events with this word in the queue of the rules: wait for `count` of them."""
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


def wait_for_end(stack: Stack, arn: str) -> str:
    """The status with which an execution ended."""
    states = stack.client("stepfunctions")

    def look() -> str | None:
        status = str(states.describe_execution(executionArn=arn)["status"])
        return None if status == "RUNNING" else status

    return wait_for(look)


def start(stack: Stack, does: str, **given: object) -> str:
    """Start the sample workflow; returns the execution's ARN."""
    states = stack.client("stepfunctions")
    answer = states.start_execution(
        stateMachineArn=stack.outputs["Machine"],
        name=given.pop("name", f"{does}-{uuid.uuid4()}"),
        input=json.dumps({"does": does, **given}),
    )
    return str(answer["executionArn"])


def test_upload_sends_one_event_to_the_enabled_rule_of_the_default_bus(stack: Stack) -> None:
    """Disabled rules, other buses and schedules send nothing; the event is as AWS sends it."""
    key = "a folder/ü+%.jpg"
    put = stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key=key, Body=b"xyz")
    [event] = receive(stack, "folder")
    described = event["detail"]["object"]
    assert event["detail-type"] == "Object Created"
    assert event["time"].endswith("Z")
    assert described["key"] == key
    assert described["size"] == 3
    assert described["etag"] == put["ETag"].strip('"')
    assert described["version-id"] == put["VersionId"]
    assert event["detail"]["reason"] == "PutObject"


def test_sequencers_increase(stack: Stack) -> None:
    """They show the order of two uploads."""
    for _ in range(2):
        stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key="in-order", Body=b"")
    first, second = (
        event["detail"]["object"]["sequencer"] for event in receive(stack, "in-order", 2)
    )
    assert first < second


def test_delete_marker_sends_an_event(stack: Stack) -> None:
    """A delete in a versioned bucket makes a marker, and an event with the marker's version."""
    s3 = stack.client("s3")
    s3.put_object(Bucket=stack.outputs["Bucket"], Key="hidden", Body=b"")
    receive(stack, "hidden")
    marker = s3.delete_object(Bucket=stack.outputs["Bucket"], Key="hidden")
    [event] = receive(stack, "hidden")
    assert event["detail-type"] == "Object Deleted"
    assert event["detail"]["deletion-type"] == "Delete Marker Created"
    assert event["detail"]["object"]["version-id"] == marker["VersionId"]


def test_bucket_says_that_it_notifies_event_bridge(stack: Stack) -> None:
    """As S3 does: with an empty object."""
    answer = stack.client("s3").get_bucket_notification_configuration(
        Bucket=stack.outputs["Bucket"]
    )
    assert answer["EventBridgeConfiguration"] == {}


def test_multipart_upload_sends_one_event(stack: Stack) -> None:
    """For the completed upload, and none for a PUT."""
    s3, where = stack.client("s3"), {"Bucket": stack.outputs["Bucket"], "Key": "parts"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    created = [one for one in receive(stack, "parts") if one["detail-type"] == "Object Created"]
    assert [one["detail"]["reason"] for one in created] == ["CompleteMultipartUpload"]


def test_custom_event_arrives_unchanged(stack: Stack) -> None:
    """Text that looks like a variable of an input template is kept."""
    entry = {
        "Source": "me",
        "DetailType": "Asked",
        "Detail": json.dumps({"key": "<id> <time>.jpg"}),
        "EventBusName": stack.outputs["Bus"],
    }
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    [event] = receive(stack, "Asked")
    assert event["detail"] == {"key": "<id> <time>.jpg"}
    assert "ingestion-time" not in event


def test_failed_messages_of_a_batch_are_received_again(stack: Stack) -> None:
    """Good ones are deleted at once; bad ones come again, then go to the dead-letter queue."""
    sqs, url = stack.client("sqs"), stack.outputs["Queue"]
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(("good", "bad one"))]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    dead = wait_for(lambda: sqs.receive_message(QueueUrl=stack.outputs["Dead"]).get("Messages"), 15)
    assert [message["Body"] for message in dead] == ["bad one"]
    handed_over = [body for note in stack.notes_with("bad one") for body in note]
    assert handed_over.count("bad one") == 2
    good = [body for note in stack.notes_with("good") for body in note]
    assert good.count("good") == 1


def test_schedule_invokes_its_function(stack: Stack) -> None:
    """With the event that EventBridge sends."""
    [event, *_] = wait_for(lambda: stack.notes_with("Scheduled Event"))
    assert event["source"] == "aws.events"
    assert event["resources"][0].split(":")[5].startswith("rule/")


def test_function_variables_have_resolved_references(stack: Stack) -> None:
    """A bus by name, a secret by ARN, a table by name; the log format as in the template."""
    answer = stack.client("lambda").invoke(FunctionName="echo", Payload=b"{}")
    seen = json.loads(answer["Payload"].read())["environment"]
    assert seen["BUS"] == "small-bus"
    assert ":secret:small/secret" in seen["SECRET"]
    assert seen["TABLE"] == stack.outputs["Table"]
    assert seen["AWS_ENDPOINT_URL"] == stack.emulator.url
    assert seen["AWS_LAMBDA_LOG_FORMAT"] == "JSON"


def test_secret_has_the_templates_value_until_it_is_set(stack: Stack) -> None:
    """As on AWS, where a user sets it after the deployment."""
    secrets = stack.client("secretsmanager")
    arn = stack.outputs["Secret"]
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {"a": "b"}
    assert stack.emulator.secrets() == ["small/secret"]
    stack.emulator.put_secret("small/secret", {"api_key": "k"})
    found = secrets.get_secret_value(SecretId="small/secret")["SecretString"]
    assert json.loads(found) == {"api_key": "k"}


def test_function_is_invoked_by_name_and_by_arn(stack: Stack) -> None:
    """The response and its headers are Lambda's."""
    functions = stack.client("lambda")
    arn = functions.get_function(FunctionName="echo")["Configuration"]["FunctionArn"]
    for name in ("echo", arn, f"{arn}:$LATEST"):
        answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}')
        assert answer["StatusCode"] == 200
        assert "FunctionError" not in answer
        assert json.loads(answer["Payload"].read())["event"] == {"a": 1}


def test_function_error_is_not_an_http_error(stack: Stack) -> None:
    """It is in a header and in the payload."""
    answer = stack.client("lambda").invoke(FunctionName="fail", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "LookupError"


def test_asynchronous_invocation_is_accepted_and_runs_later(stack: Stack) -> None:
    """202 without payload; the function gets the event."""
    word = str(uuid.uuid4())
    answer = stack.client("lambda").invoke(
        FunctionName="note", Payload=json.dumps(word).encode(), InvocationType="Event"
    )
    assert answer["StatusCode"] == 202
    assert wait_for(lambda: stack.notes_with(word)) == [word]


def test_failed_asynchronous_invocation_goes_to_the_dead_letter_queue(stack: Stack) -> None:
    """After three tries, as in the template's `DeadLetterConfig`, with the error's message."""
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


def test_unknown_function_and_payload_that_is_not_json_are_refused(stack: Stack) -> None:
    """With the codes that boto3 turns into exceptions."""
    functions = stack.client("lambda")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.invoke(FunctionName="nobody", Payload=b"{}")
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        functions.invoke(FunctionName="echo", Payload=b"{")


def test_error_in_moto_is_not_an_html_page(stack: Stack) -> None:
    """It is a service failure in a form that clients can parse."""
    broken = urllib.request.Request(  # noqa: S310 - our own server
        f"{stack.emulator.url}/",
        data=b"no json",
        headers={
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/x",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(broken)  # noqa: S310 - our own server
    with caught.value as error:
        assert error.code == 500
        assert json.load(error)["__type"] == "InternalFailure"


def request(stack: Stack, method: str, path: str, **headers: str) -> tuple[int, str, str]:
    """One request; status, body and headers of the response."""
    connection = http.client.HTTPConnection(stack.emulator.url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, b"{}" if method == "POST" else None, named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), str(answer.headers).lower()


def authorization(service: str, key: str = "local") -> str:
    """An Authorization header as clients send it; the signature is not checked."""
    scope = f"{key}/20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


SECRET = {
    "X_Amz_Target": "secretsmanager.GetSecretValue",
    "Content_Type": "application/x-amz-json-1.1",
    "Authorization": authorization("secretsmanager"),
}
INVOKE = "/2015-03-31/functions/echo/invocations"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", SECRET),
        ("POST", INVOKE, {"Content_Type": "text/plain", "Authorization": authorization("lambda")}),
        ("GET", "/moto-api/data.json", {"Authorization": authorization("s3")}),
        ("GET", "/small-stack/", {"Authorization": authorization("s3")}),
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
def test_web_page_is_refused(
    stack: Stack, method: str, path: str, headers: dict[str, str], page: dict[str, str]
) -> None:
    """It gets no response that it can read, whatever it requests and knows."""
    status, body, sent_headers = request(stack, method, path, **headers, **page)
    assert status == 403
    assert "access-control-" not in sent_headers
    assert "web page" in body or "only answers to 127.0.0.1:" in body
    assert stack.notes_with("evil") == []


def test_preflight_is_refused(stack: Stack) -> None:
    """No response ever allows a page to read it."""
    wants = {"Access_Control_Request_Method": "POST", "Authorization": authorization("s3")}
    for page in ({"Origin": "https://evil.example"}, {}):
        status, _, sent_headers = request(stack, "OPTIONS", "/", **wants, **page)
        assert (status, "access-control-" in sent_headers) == (403, False)
    status, _, sent_headers = request(
        stack, "GET", "/small-stack/", Authorization=authorization("s3")
    )
    assert (status, "access-control-" in sent_headers) == (200, False)


def test_body_of_a_refused_request_is_not_a_second_request(stack: Stack) -> None:
    """Otherwise a page could hide a request there."""
    host = stack.emulator.url.removeprefix("http://")
    rows = ["GET /small-stack/ HTTP/1.1", f"Host: {host}", f"Authorization: {authorization('s3')}"]
    hidden = "\r\n".join([*rows, "", ""])
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: null\r\nContent-Length: {len(hidden)}\r\n\r\n"
    )
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), 10) as connection:
        connection.sendall((head + hidden).encode())
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert response.count(b"HTTP/1.") == 1
    assert b" 403 " in response.partition(b"\r\n")[0]


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
def test_wrong_access_key_gets_an_error_with_the_right_one(
    stack: Stack, service: str, call: str, given: dict[str, Any]
) -> None:
    """In each client's format: a real key must not be sent here by mistake."""
    client = boto3.Session("AKIAREAL", "s", region_name="us-east-1").client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack.emulator.url,
    )
    with contextlib.closing(client), pytest.raises(ClientError) as caught:
        getattr(client, call)(**given)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert "AWS_ACCESS_KEY_ID=local" in caught.value.response["Error"]["Message"]


def test_presigned_url_works_for_objects_only(stack: Stack) -> None:
    """As on AWS; a page could load any other as an image, which is enough to act."""
    s3 = stack.client("s3")
    s3.put_object(Bucket="small-stack", Key="linked", Body=b"xyz")
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "small-stack", "Key": "linked"}
    )
    path = link.removeprefix(stack.emulator.url)
    assert request(stack, "GET", path)[:2] == (200, "xyz")
    assert request(stack, "GET", path, Sec_Fetch_Site="cross-site")[0] == 403
    assert request(stack, "GET", path.replace("local", "other"))[0] == 403
    assert request(stack, "GET", "/small-stack/linked")[0] == 403
    queue = "/sqs_us-east-1/123456789012/heard?Action=PurgeQueue&X-Amz-Credential=local"
    for scope in ("/20260101/us-east-1/sqs/aws4_request", "/20260101/us-east-1/s3/aws4_request"):
        assert request(stack, "GET", queue + scope)[0] == 403


def test_workflow_invokes_its_function_and_waits(stack: Stack) -> None:
    """Substitutions are applied, and a wait takes its time."""
    started = time.monotonic()
    arn = start(stack, "wait", s=1)
    assert wait_for_end(stack, arn) == "SUCCEEDED"
    assert 1 <= time.monotonic() - started < 3
    output = stack.client("stepfunctions").describe_execution(executionArn=arn)["output"]
    assert json.loads(output)["step"] == {"next": "done", "wait_s": 1}


def test_function_error_is_retried_by_name_and_the_failure_sends_an_event(stack: Stack) -> None:
    """Two tries, then FAILED, then the status event reaches the rule's function."""
    arn = start(stack, "raise")
    assert wait_for_end(stack, arn) == "FAILED"
    assert len(stack.notes_with('"step": "raise"')) == 2
    [event] = wait_for(lambda: stack.notes_with(arn))
    detail = event["detail"]
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert (detail["status"], detail["error"]) == ("FAILED", "LookupError")
    assert json.loads(detail["input"]) == {"does": "raise"}
    assert detail["stateMachineArn"] == stack.outputs["Machine"]
    assert detail["startDate"] <= detail["stopDate"]


def test_successful_end_does_not_match_the_rule_for_failures(stack: Stack) -> None:
    """The rule's pattern decides, not the local environment."""
    arn = start(stack, "go")
    assert wait_for_end(stack, arn) == "SUCCEEDED"
    assert stack.notes_with(arn) == []


def test_function_time_out_is_caught_by_its_name(stack: Stack) -> None:
    """The name is the one that Lambda gives to Step Functions."""
    arn = start(stack, "dawdle", s=20)
    assert wait_for_end(stack, arn) == "SUCCEEDED"


def test_fail_state_may_pass_on_a_reserved_error(stack: Stack) -> None:
    """States.Timeout stays States.Timeout."""
    arn = start(stack, "reserved", error="States.Timeout")
    assert wait_for_end(stack, arn) == "FAILED"
    found = stack.client("stepfunctions").describe_execution(executionArn=arn)
    assert found["error"] == "States.Timeout"


def test_stopped_execution_is_aborted_while_its_function_runs(stack: Stack) -> None:
    """And its end sends an event."""
    arn = start(stack, "dawdle", s=1)
    wait_for(lambda: stack.notes_with('"step": "dawdle"'))
    stack.client("stepfunctions").stop_execution(executionArn=arn)
    assert wait_for_end(stack, arn) == "ABORTED"
    [event] = wait_for(lambda: stack.notes_with(arn))
    assert event["detail"]["status"] == "ABORTED"


def test_execution_without_a_name_gets_a_unique_one(stack: Stack) -> None:
    """Two executions without a name are two."""
    states, machine = stack.client("stepfunctions"), stack.outputs["Machine"]
    arns = {
        states.start_execution(stateMachineArn=machine, input='{"does": "go"}')["executionArn"]
        for _ in range(2)
    }
    assert len(arns) == 2
    assert not any(arn.endswith(":None") for arn in arns)


@pytest.mark.parametrize("name", ["a b", "a/b", "a#b", "a" * 81])
def test_invalid_execution_name_is_refused(stack: Stack, name: str) -> None:
    """Characters and length are those of the API reference."""
    with pytest.raises(ClientError, match=r"InvalidName|ValidationException"):
        start(stack, "go", name=name)


def test_name_of_a_finished_execution_stays_taken(stack: Stack) -> None:
    """So a repeated trigger cannot run a task again."""
    name = str(uuid.uuid4())
    arn = start(stack, "go", name=name)
    assert wait_for_end(stack, arn) == "SUCCEEDED"
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(stack, "go", name=name)


def test_put_gets_100_continue_at_once(stack: Stack) -> None:
    """Otherwise the client would wait a second for it."""
    body = base64.b64encode(b"x" * 200_000)
    started = time.monotonic()
    stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key="continue", Body=body)
    assert time.monotonic() - started < 0.9
