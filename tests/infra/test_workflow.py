"""The state machine: the file in the functions folder, with this stack's functions in it."""

import json
import re

from tests.infra.template import Template, references
from tests.workflow.definition import definition


def test_workflow_is_the_file_with_all_functions_substituted(template: Template) -> None:
    """Each `${...}` has a function of the same name, and no function is left over."""
    machine = template.one("StepFunctions::StateMachine")
    text = machine["DefinitionString"]
    assert json.loads(text) == definition()
    substitutions = machine["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(substitutions)
    assert {name: references(value) for name, value in substitutions.items()} == {
        f"{verb.capitalize()}Function": {template.function(verb).id}
        for verb in ("submit", "poll", "deliver", "fail")
    }


def test_task_time_out_is_longer_than_the_functions(template: Template) -> None:
    """Otherwise a function could still be paying while the next one is already called."""
    machine = template.one("StepFunctions::StateMachine")
    states = json.loads(machine["DefinitionString"])["States"]
    for state in states.values():
        if state["Type"] == "Task":
            verb = state["Resource"].removeprefix("${").removesuffix("Function}").lower()
            assert state["TimeoutSeconds"] > template.function(verb)["Timeout"], verb


def test_workflow_is_standard_and_logs_no_payload(template: Template) -> None:
    """A standard workflow is durable; execution data is not logged."""
    machine = template.one("StepFunctions::StateMachine")
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["StateMachineName"] == f"darkroom-{template.environment}"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    (log_group,) = references(logging["Destinations"])
    assert template[log_group]["LogGroupName"].startswith("/aws/vendedlogs/states/")
    assert template[log_group]["RetentionInDays"] <= 30


def test_workflow_is_run_for_this_account_only(template: Template) -> None:
    """Step Functions cannot be made to use its role for another account."""
    machine = template.one("StepFunctions::StateMachine")
    trust = template.role(machine, "RoleArn")["AssumeRolePolicyDocument"]["Statement"]
    assert [(each["Principal"], each["Condition"]) for each in trust] == [
        (
            {"Service": "states.amazonaws.com"},
            {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        )
    ]
