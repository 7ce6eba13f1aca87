"""The commands that deploy and delete an environment: what they run, and what they refuse."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from moto import mock_aws

from infra.aws import deployment
from infra.aws.deployment import RefusedError, bootstrap, build_cdk_command, destroy
from infra.aws.environments import Environment, find_environment
from infra.aws.layers import PLACEHOLDER, Recipe
from tests.fakes.moto_aws import REGION, client, session

MOTOS_ACCOUNT = "123456789012"
INPUT, OUTPUT = (f"darkroom-dev-{role}-{MOTOS_ACCOUNT}-{REGION}" for role in ("input", "output"))
WHERE = {"LocationConstraint": REGION}
DEV = Environment("dev", removal="delete")


@dataclass
class Deletion:
    """A deletion in a fresh account that has the stack and its filled, versioned buckets.

    Attributes:
        typed: what the user types when asked.
        asked, run: the questions, and the calls of the CDK's command.
    """

    typed: str = "dev"
    asked: list[str] = field(default_factory=list)
    run: list[tuple[str, str, Sequence[str]]] = field(default_factory=list)

    def of(self, environment: Environment) -> None:
        """Delete the environment."""
        destroy(environment, session=session(), ask=self._ask, run=self._run)

    def _ask(self, question: str) -> str:
        self.asked.append(question)
        return self.typed

    def _run(self, action: str, environment: Environment, options: Sequence[str]) -> None:
        self.run.append((action, environment.stack_name, options))


@pytest.fixture
def deletion(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deletion]:
    """The stack is there; each bucket has two versions and a delete marker."""
    monkeypatch.setattr(deployment, "DELETED_AT_ONCE", 2)
    s3 = client("s3")
    with mock_aws():
        for bucket in (INPUT, OUTPUT):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=WHERE)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            for body in (b"1", b"2"):
                s3.put_object(Bucket=bucket, Key="cat.jpg", Body=body)
            s3.delete_object(Bucket=bucket, Key="cat.jpg")
        _create_stack(InputBucket=INPUT, OutputBucket=OUTPUT)
        yield Deletion()


def test_name_that_was_typed_deletes_files_and_stack(deletion: Deletion) -> None:
    """All versions and delete markers, then the stack."""
    deletion.of(DEV)
    assert (_versions(INPUT), _versions(OUTPUT)) == (0, 0)
    assert deletion.run == [("destroy", "darkroom-dev", ["--force"])]
    (question,) = deletion.asked
    assert f"{INPUT} and {OUTPUT}" in question
    assert "cannot be undone" in question


@pytest.mark.parametrize("typed", ["", "y", "prod", "Dev"])
def test_another_name_deletes_nothing(deletion: Deletion, typed: str) -> None:
    """Not a version, and not the stack."""
    deletion.typed = typed
    with pytest.raises(RefusedError, match="nothing was deleted"):
        deletion.of(DEV)
    assert (_versions(INPUT), _versions(OUTPUT)) == (3, 3)
    assert not deletion.run


def test_protected_environment_is_refused_before_anything_is_asked(deletion: Deletion) -> None:
    """With what to do first."""
    with pytest.raises(RefusedError, match=r"termination_protection = false .* `make deploy ENV="):
        deletion.of(find_environment("prod"))
    assert not deletion.asked


def test_stack_is_refused_until_its_protection_was_lifted_by_a_deployment(
    deletion: Deletion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file says that it is not protected, and the stack still is; moto has no protection."""
    protected = deployment.Deployed({}, protected=True)
    monkeypatch.setattr(deployment, "_find_deployed", lambda *_: protected)
    with pytest.raises(RefusedError, match="still protected"):
        deletion.of(DEV)
    assert not deletion.asked


def test_kept_files_are_not_deleted_with_the_stack(deletion: Deletion) -> None:
    """The stack goes; its data is there for the next one."""
    deletion.of(replace(DEV, removal="keep"))
    assert (_versions(INPUT), _versions(OUTPUT)) == (3, 3)
    assert deletion.run
    assert "are kept" in deletion.asked[0]


def test_existing_bucket_is_never_emptied(deletion: Deletion) -> None:
    """It was there before, and is there after."""
    deletion.of(replace(DEV, input_bucket=INPUT))
    assert (_versions(INPUT), _versions(OUTPUT)) == (3, 0)
    assert INPUT not in deletion.asked[0]


def test_bucket_that_the_stack_did_not_make_is_never_emptied() -> None:
    """Also if the file does not name it any more."""
    outputs = {
        "InputBucket": "shop-photos",
        "OutputBucket": "darkroom-dev-output-111122223333-eu-central-1",
    }
    found = deployment._find_own_buckets(DEV, deployment.Deployed(outputs, protected=False))
    assert found == ["darkroom-dev-output-111122223333-eu-central-1"]


def test_other_account_and_missing_stack_are_refused(deletion: Deletion) -> None:
    """Nothing is deleted in an account that was not meant."""
    elsewhere = replace(DEV, account="111122223333", region="eu-central-1")
    with pytest.raises(RefusedError, match=f"credentials are of {MOTOS_ACCOUNT}"):
        deletion.of(elsewhere)
    with pytest.raises(RefusedError, match="no stack darkroom-shop in eu-central-1"):
        deletion.of(Environment("shop", removal="delete"))
    deletion.of(replace(elsewhere, account=MOTOS_ACCOUNT))
    assert deletion.run


@pytest.mark.parametrize("action", ["deploy", "diff", "destroy"])
def test_pinned_command_of_the_cdk_runs_on_the_node_of_the_environment(action: str) -> None:
    """Nothing is installed globally, and no other Node is used."""
    command, variables = build_cdk_command(action, DEV, ["--verbose"])
    node, npx, yes, package, *rest = command
    assert Path(node).is_file()
    assert Path(npx).is_file()
    assert yes == "--yes"
    assert package == f"aws-cdk@{deployment.CDK_VERSION}"
    app = f"{sys.executable} -m infra.aws.app"
    assert rest == [
        action,
        "darkroom-dev",
        "--app",
        app,
        "--context",
        "environment=dev",
        "--verbose",
    ]
    assert variables["PATH"].split(":")[0] == str(Path(node).parent)
    assert ("DARKROOM_LAYERS" in variables) == (action == "destroy")


def test_account_and_region_are_bootstrapped_by_the_pinned_command() -> None:
    """Of the credentials; without the app, which may not be built yet."""
    ran: list[list[str]] = []
    with mock_aws():
        bootstrap(
            DEV, ["--trust", "1"], session=session(), run=lambda command, _: ran.append(command)
        )
    [command] = ran
    assert command[3:] == [
        *(f"aws-cdk@{deployment.CDK_VERSION}", "bootstrap"),
        *(f"aws://{MOTOS_ACCOUNT}/{REGION}", "--trust", "1"),
    ]


def test_another_account_or_no_region_is_not_bootstrapped() -> None:
    """The CDK's command would take whatever is there."""
    nowhere = SimpleNamespace(region_name=None, client=client)
    elsewhere = replace(DEV, account="111122223333", region=REGION)
    with mock_aws():
        with pytest.raises(RefusedError, match=f"credentials are of {MOTOS_ACCOUNT}"):
            bootstrap(elsewhere, session=session(), run=_never)
        with pytest.raises(RefusedError, match="names no region"):
            bootstrap(DEV, session=nowhere, run=_never)


@pytest.mark.parametrize("action", ["bootstrap", "deploy", "diff", "destroy"])
@pytest.mark.parametrize(
    ("name", "sentence"), [("prdo", "Did you mean 'prod'?"), ("local", "make local")]
)
def test_environment_that_cannot_be_deployed_is_refused(
    monkeypatch: pytest.MonkeyPatch, action: str, name: str, sentence: str
) -> None:
    """Before anything is run."""
    monkeypatch.setattr(deployment, "run_cdk", _never)
    with pytest.raises(SystemExit) as end:
        deployment.main([action, name])
    assert sentence in str(end.value.code)


def test_deployment_without_layers_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unbuilt one, and one of other requirements; a current one is deployed."""
    monkeypatch.setattr(deployment, "LAYERS", tmp_path)
    ran: list[str] = []
    monkeypatch.setattr(deployment, "run_cdk", lambda action, *_: ran.append(action))
    layer = tmp_path / "runtime"
    layer.mkdir()
    (layer / "requirements.txt").write_text("httpx==0.28.1\n")
    with pytest.raises(SystemExit, match="runtime is not built"):
        deployment.main(["deploy", "dev"])
    built = layer / "build" / "arm64"
    shutil.copytree(PLACEHOLDER, built)
    current = hashlib.sha256((layer / "requirements.txt").read_bytes()).hexdigest()
    note = built.with_name("arm64.json")
    recipe = Recipe("0" * 64, "3.14", bytecode=False)
    note.write_text(json.dumps(asdict(recipe)))
    with pytest.raises(SystemExit, match="other requirements"):
        deployment.main(["deploy", "dev"])
    built.with_name("arm64.json").write_text(
        json.dumps(asdict(replace(recipe, requirements=current)))
    )
    deployment.main(["deploy", "dev"])
    assert ran == ["deploy"]


def _never(*_arguments: object) -> None:
    raise AssertionError


def _create_stack(**outputs: str) -> None:
    template = {
        "Resources": {"Bus": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client("cloudformation").create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(template)
    )


def _versions(bucket: str) -> int:
    page = client("s3").list_object_versions(Bucket=bucket)
    return len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
