"""What starts the functions: rules that are on, and a queue that is read."""

from typing import Any

from infra.cli.doctor.triggers import check_reader, check_rules
from tests.cli.doctor.scripted_aws import examined, find, levels, refusal


def test_rules_that_are_on_are_one_line() -> None:
    """The one for requests is on the environment's own bus."""
    asked = []

    def answer(**arguments: Any) -> dict[str, str]:
        asked.append(arguments)
        return {"State": "ENABLED"}

    [found] = find(check_rules, examined({"events.describe_rule": answer}))
    assert (found.level, found.sentence) == ("ok", "all 4 are on")
    assert {"Name": "darkroom-shop-requests", "EventBusName": "darkroom-shop"} in asked
    assert {"Name": "darkroom-shop-uploads"} in asked


def test_stack_of_an_older_version_lacks_an_output() -> None:
    """That is said in words."""
    [found] = find(
        check_rules, examined({"events.describe_rule": {"State": "ENABLED"}}, outputs={})
    )
    assert found.level == "not checked"
    assert "the environment 'shop' has no output EventBus" in found.sentence


def test_rule_that_is_off_or_missing_is_a_problem() -> None:
    """Each has its own command."""

    def answer(**arguments: Any) -> Any:
        if arguments["Name"].endswith("-uploads"):
            return refusal("ResourceNotFoundException")
        return {"State": "DISABLED" if arguments["Name"].endswith("-requests") else "ENABLED"}

    found = find(check_rules, examined({"events.describe_rule": answer}))
    assert levels(found) == ["problem", "problem"]
    assert [each.fix for each in found] == [
        "make deploy ENV=shop",
        "aws events enable-rule --name darkroom-shop-requests --event-bus-name darkroom-shop",
    ]


def test_reader_of_the_queue_must_be_on() -> None:
    """It can be turned off by hand, and messages wait then."""

    def found(*mappings: dict[str, str]) -> Any:
        answers = {"lambda.list_event_source_mappings": {"EventSourceMappings": list(mappings)}}
        [finding] = find(check_reader, examined(answers))
        return finding

    assert found({"State": "Enabled", "UUID": "u-1"}).level == "ok"
    off = found({"State": "Disabled", "UUID": "u-1"})
    assert (off.level, off.fix) == (
        "problem",
        "aws lambda update-event-source-mapping --uuid u-1 --enabled",
    )
    assert (found().level, found().fix) == ("problem", "make deploy ENV=shop")
