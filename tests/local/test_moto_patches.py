"""The patches of moto are taken back, and a change of the patched code is noticed."""

import ast
import hashlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.core.config import default_user_config
from moto.s3.models import FakeBucket

from infra.local.lambda_runtime.invoker import Invoker
from infra.local.lambda_runtime.worker import InvocationResult
from infra.local.moto_patches.apply import all_patches, patched_moto
from infra.local.moto_patches.patch import Patch, around
from infra.local.permissions.decision_point import DecisionPoint
from infra.local.permissions.intrinsics import Account
from infra.local.permissions.record import Record

ROOT = Path(__file__).parents[2]
POINT = DecisionPoint(Account("123456789012", "us-east-1"), Record())
INVOKER = Invoker(
    invoke=lambda _name, _payload: InvocationResult(b""), invoke_later=lambda _name, _payload: None
)

# The patched code of moto, as it was when the patch was written. If a digest differs, moto has
# changed there: check whether the patch is still needed and right, then update the digest.
KNOWN = {
    "parsing.clean_json": "9fbe5dedab81",
    "parsing.parse_and_create_resource": "ea3c10d68d2c",
    "FakeBucket.create_from_cloudformation_json": "7e5138dc6239",
    "EventBus.physical_resource_id": "absent",
    "LayerVersion.physical_resource_id": "absent",
    "models.do_validate_s3": "1bb9c09f20ae",
    "LambdaFunction.create_from_cloudformation_json": "65dfaf5c180c",
    "LambdaBackend.create_event_source_mapping": "19f8125cabf7",
    "models.stepfunctions_backends": "d4bd6f3eb080",
    "StateMachine.create_from_cloudformation_json": "97e9fc1f9bd3",
    "notifications._send_event_bridge_message": "971cee49c687",
    "S3Backend._set_delete_marker": "f95d9e59e39f",
    "S3Backend.complete_multipart_upload": "f16c9a08e5db",
    "S3Response.get_bucket_notification": "82884034c165",
    "Rule.send_to_targets": "472e002e2dab",
    "StepFunctionsParserBackend.start_execution": "0f8d9dd57baf",
    "ExecutionWorker._get_evaluation_entrypoint": "2b25949ae855",
    "json_path.parse": "8e8fc5e91980",
    "lambda_eval_utils.boto_client_for": "1f44dc2ac8aa",
    "state_fail.CustomErrorName": "40a96f8ab369",
    "Environment.set_error": "6447409d4056",
    "BaseExecutionWorkerCommunication.terminated": "360372a6a57b",
    "DynamoDBBackend.transact_write_items": "81db2cb7d94e",
    "backends.list_of_moto_modules": "4f741a10b065",
    "DomainDispatcherApplication.get_backend_for_host": "1f41972c1e4e",
    "responses.method_names_from_class": "9dbac89d082b",
    "responses.camelcase_to_underscores": "084cdc5bab92",
    "XFormedAttributePicker.get_possible_keys": "f0d20f55f37f",
    "werkzeug_app.DISABLE_GLOBAL_CORS": "b760f44fa596",
    "MotoRandom.get_random_string": "942eb93ebea1",
    "SQSBackend.send_message": "bf161af09a9e",
    "models.unix_time_millis": "7a37e1337d02",
    "BaseJSONParser._parse_structure": "2de165721ba4",
    "Item.__init__": "d9c12b62cb92",
    "DynamoType.size": "f7c111fca25b",
    "DynamoType.to_regular_json": "a9fe48d6f3f9",
    "DynamoType.__deepcopy__": "9b2947b28c81",
    "Table.query": "002b4d00be6d",
    "responses.dynamo_to_dict": "80f600124c13",
    "BaseJSONSerializer._serialize_type_structure": "36873909cd0a",
    "DynamoDBBackend.delete_item": "083a4bb1af18",
    "DynamoDBBackend.get_item": "290b95c46b38",
    "DynamoDBBackend.put_item": "f5d9a5042c77",
    "DynamoDBBackend.query": "b8f2b308cd13",
    "DynamoDBBackend.scan": "9b5227800f9a",
    "DynamoDBBackend.update_item": "218984588dd6",
    "S3Response.put_object": "992229be920b",
}


def find_patches() -> Iterator[Patch]:
    """All patches."""
    yield from all_patches(INVOKER, POINT)


def name(patch: Patch) -> str:
    """The name of a patch in this file."""
    return f"{patch.owner.__name__.rpartition('.')[2]}.{patch.name}"


def digest(patch: Patch) -> str:
    """A digest of the source that a patch replaces; "absent" if there is none."""
    found = inspect.getattr_static(patch.owner, patch.name, None)
    if found is None:
        return "absent"
    try:
        source = inspect.getsource(getattr(found, "__func__", found))
    except TypeError:
        # An object and not a function: its type counts.
        source = type(found).__qualname__
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def test_patched_code_of_moto_has_not_changed() -> None:
    """A new moto with other code there fails this test by name, and so does a new patch.

    It is read in a process of its own: other tests of this one patch moto, too.
    """
    read = f"from {__name__} import *; print({{name(one): digest(one) for one in find_patches()}})"
    found = subprocess.run(
        [sys.executable, "-c", read], capture_output=True, check=True, cwd=ROOT, text=True
    ).stdout
    assert ast.literal_eval(found.splitlines()[-1]) == KNOWN


def test_all_patches_are_taken_back() -> None:
    """Other tests in the same process use moto without patches."""

    def read() -> dict[str, object]:
        return {
            name(patch): inspect.getattr_static(patch.owner, patch.name, None)
            for patch in find_patches()
        }

    before, settings = read(), dict(default_user_config)
    with patched_moto(INVOKER, POINT):
        patched = read()
        assert default_user_config["stepfunctions"] == {"execute_state_machine": True}
    assert read() == before
    assert [key for key in before if patched[key] is before[key]] == []
    assert default_user_config == settings


def test_patch_of_a_name_that_moto_lacks_fails() -> None:
    """A patch without effect is an error."""
    with pytest.raises(AttributeError):
        around(FakeBucket, "no_such_name", lambda original: original)
