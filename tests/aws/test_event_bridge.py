"""Events on EventBridge: the entry that is sent, and a bus that does not accept it."""

import pytest

from darkroom.aws.event_bridge import EventBridgeEvents
from darkroom.domain.errors import Busy
from tests.aws.request_recorder import Answer, RequestRecorder
from tests.fakes.moto_aws import session


@pytest.mark.parametrize(
    ("entry", "code"),
    [({}, "unknown"), ({"ErrorCode": "ThrottlingException"}, "ThrottlingException")],
)
def test_event_that_the_bus_did_not_accept_is_busy(entry: dict[str, str], code: str) -> None:
    """PutEvents answers 200 also then; the caller retries with the same event."""
    recorder = RequestRecorder(
        answers=lambda _: Answer({"FailedEntryCount": 1, "Entries": [entry]})
    )
    events = EventBridgeEvents(lambda: recorder.listen(session().client("events")), "bus")

    with pytest.raises(Busy) as caught:
        events.publish("Task Failed", {"a": "ä"})
    assert caught.value.failure.code == "event-not-taken"
    assert f"'Task Failed' ({code})" in caught.value.failure.sentence
    (sent,) = recorder.sent[0].body["Entries"]
    assert sent == {
        "EventBusName": "bus",
        "Source": "darkroom",
        "DetailType": "Task Failed",
        "Detail": '{"a": "ä"}',
    }
