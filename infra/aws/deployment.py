"""Deploys, compares, synthesizes and deletes an environment with the CDK's command.

`python -m infra.aws.deployment bootstrap|deploy|diff|synth|destroy ENVIRONMENT [OPTION...]`; `make
deploy` and the others call it. The CDK's command is fetched by npx on its first use, in the version
below; `synth` needs neither it nor a network. This module must not import the CDK.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.aws.environments import FILE, Environment, find_environment
from infra.aws.layers import ARCHITECTURE, PYTHON, find_layer
from infra.aws.layers import ROOT as LAYERS
from infra.aws.node import find_certificates, find_node, find_npx

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CHECKOUT: Final = Path(__file__).resolve().parents[2]

CDK_VERSION: Final = "2.1148.1"
"""Of the npm package `aws-cdk`; it must know the cloud assembly that `aws-cdk-lib` writes."""

DELETED_AT_ONCE: Final = 1000
"""The most versions that one request deletes (S3 API reference, "DeleteObjects")."""

BUCKET_OUTPUTS: Final = {"InputBucket": "input_bucket", "OutputBucket": "output_bucket"}
"""Stack output -> the setting that names an existing bucket, which is never emptied."""


class RefusedError(Exception):
    """Nothing was done; the message says why, and how to go on."""


@dataclass(frozen=True)
class Deployed:
    """An environment's stack as it is.

    Attributes:
        outputs: name -> value.
        protected: whether CloudFormation refuses to delete it.
    """

    outputs: Mapping[str, str]
    protected: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; ends with a sentence if it is refused."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.deployment")
    parser.add_argument("action", choices=["bootstrap", "deploy", "diff", "synth", "destroy"])
    parser.add_argument("environment")
    options, further = parser.parse_known_args(arguments)
    try:
        _act(options.action, find_environment(options.environment), further)
    except (RefusedError, ValueError) as error:
        sys.exit(str(error))


def _act(action: str, environment: Environment, options: Sequence[str]) -> None:
    if action == "synth":
        synthesize(environment, CHECKOUT / "cdk.out")
        return
    if environment.on_this_machine:
        raise RefusedError(
            f"'{environment.name}' is for this machine: `make local` starts the one called local"
        )
    if action == "bootstrap":
        bootstrap(environment, options)
        return
    if action == "destroy":
        destroy(environment, options)
        return
    require_layers(LAYERS)
    run_cdk(action, environment, options)


def synthesize(environment: Environment, folder: Path) -> None:
    """Write the template and its assets to `folder`, with empty layers if they are not built."""
    from infra.aws.app import synthesize as synthesize_app  # noqa: PLC0415 - for this alone

    sys.stdout.write(f"{synthesize_app(environment.name, folder)}\n")


def require_layers(root: Path) -> None:
    """Raise RefusedError if a layer is not built, or from other requirements than today's."""
    for requirements in sorted(root.glob("*/requirements.txt")):
        found = find_layer(requirements.parent.name, ARCHITECTURE, PYTHON, root)
        if found.warning:
            raise RefusedError(found.warning)


def _run(command: list[str], variables: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, cwd=CHECKOUT, env=os.environ | variables)  # noqa: S603 - the pinned command
    if done.returncode:
        sys.exit(done.returncode)


def run_cdk(action: str, environment: Environment, options: Sequence[str] = ()) -> None:
    """Run the CDK's command for the environment's stack; this process ends as it does if it fails.

    Raises RefusedError without Node.
    """
    _run(*build_cdk_command(action, environment, options))


def bootstrap(
    environment: Environment,
    options: Sequence[str] = (),
    *,
    session: Any = None,  # noqa: ANN401 - boto3's sessions have no types
    run: Callable[[list[str], dict[str, str]], None] = _run,
) -> None:
    """Create what the CDK needs in the environment's account and region: once for all of them.

    Raises RefusedError if the credentials are of another account, without a region, and without
    Node. `session` is boto3's.
    """
    session = session or _open_session(environment)
    account = _find_account(session, environment)
    if not session.region_name:
        raise RefusedError(
            f"'{environment.name}' names no region, and AWS_REGION is not set: set one of them"
        )
    run(*_build_command(["bootstrap", f"aws://{account}/{session.region_name}", *options]))


def build_cdk_command(
    action: str, environment: Environment, options: Sequence[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """The command line, and the environment variables that it needs.

    Raises RefusedError without Node.
    """
    command, variables = _build_command(
        [
            *(action, environment.stack_name),
            *("--app", f"{sys.executable} -m infra.aws.app"),
            *("--context", f"environment={environment.name}"),
            *options,
        ]
    )
    if action == "destroy":  # nothing is uploaded
        variables["DARKROOM_LAYERS"] = "placeholder"
    return command, variables


def _build_command(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    node = find_node()
    npx = find_npx(node) if node else None
    if node is None or npx is None:
        raise RefusedError("Node is missing; `make .venv/bin/.installed` installs it into .venv")
    command = [str(node), str(npx), "--yes", f"aws-cdk@{CDK_VERSION}", *arguments]
    # The CDK's command is a script that looks for `node` on PATH.
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = {"PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "true"}
    return command, variables | find_certificates(os.environ)


def destroy(
    environment: Environment,
    options: Sequence[str] = (),
    *,
    session: Any = None,  # noqa: ANN401 - boto3's sessions have no types
    ask: Callable[[str], str] = input,
    run: Callable[[str, Environment, Sequence[str]], None] = run_cdk,
) -> None:
    """Delete the stack after its environment's name was typed.

    With `removal = "delete"` all versions of all files in the buckets of its own are deleted first,
    because a filled bucket cannot be. An existing bucket that the environment names is not touched.

    Raises RefusedError if it is protected, if it is not there, if the credentials are of another
    account, or if another name was typed. `session` is boto3's.
    """
    if environment.termination_protection:
        raise RefusedError(
            f"'{environment.name}' is protected. To delete it, set termination_protection = false "
            f"below [{environment.name}] in {FILE.name}, run `make deploy ENV={environment.name}`, "
            "and then this again"
        )
    session = session or _open_session(environment)
    _find_account(session, environment)
    deployed = _find_deployed(session, environment)
    if deployed.protected:
        raise RefusedError(
            f"the stack {environment.stack_name} is still protected: run "
            f"`make deploy ENV={environment.name}`, which lifts the protection, and then this again"
        )
    emptied = _find_own_buckets(environment, deployed) if not environment.keep else []
    typed = ask(_describe_loss(environment, emptied) + f"Type its name, {environment.name}: ")
    if typed.strip() != environment.name:
        raise RefusedError("nothing was deleted")
    s3 = session.client("s3")
    for bucket in emptied:
        sys.stdout.write(f"{bucket}: {empty_bucket(s3, bucket)} versions deleted\n")
    run("destroy", environment, ["--force", *options])


def empty_bucket(s3: "S3Client", bucket: str) -> int:
    """Delete all versions and delete markers; returns how many. Called twice, it goes on.

    Raises RefusedError if S3 keeps one, as it does with a lock on objects.
    """
    deleted = 0
    for batch in _list_versions(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for kept in answer.get("Errors", []):
            raise RefusedError(
                f"S3 does not delete {kept.get('Key')} of {bucket}: {kept.get('Message')}"
            )
        deleted += len(batch)
    return deleted


def _list_versions(s3: "S3Client", bucket: str) -> Iterator[Any]:
    # Always from the beginning: what was listed before is deleted.
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=DELETED_AT_ONCE)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            return
        yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _open_session(environment: Environment) -> Any:  # noqa: ANN401 - the same
    import boto3  # noqa: PLC0415 - slow to import

    # boto3 does not read AWS_REGION, as every other AWS tool does.
    return boto3.Session(region_name=environment.region or os.environ.get("AWS_REGION"))


def _find_account(session: Any, environment: Environment) -> str:  # noqa: ANN401 - the same
    """The account of the credentials. Raises RefusedError if it is another than the pinned one."""
    account = str(session.client("sts").get_caller_identity()["Account"])
    if environment.account not in (None, account):
        raise RefusedError(
            f"'{environment.name}' is in account {environment.account}, and the credentials "
            f"are of {account}"
        )
    return account


def _find_deployed(session: Any, environment: Environment) -> Deployed:  # noqa: ANN401 - the same
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only to delete

    client = session.client("cloudformation")
    try:
        stack = client.describe_stacks(StackName=environment.stack_name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise RefusedError(
            f"there is no stack {environment.stack_name} in {client.meta.region_name}"
        ) from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return Deployed(outputs, bool(stack.get("EnableTerminationProtection")))


def _find_own_buckets(environment: Environment, deployed: Deployed) -> list[str]:
    return [
        deployed.outputs[output]
        for output, setting in BUCKET_OUTPUTS.items()
        if output in deployed.outputs
        and getattr(environment, setting) is None
        # An existing bucket that was named at the deployment, and is not any more.
        and deployed.outputs[output].startswith(f"{environment.stack_name}-")
    ]


def _describe_loss(environment: Environment, emptied: Sequence[str]) -> str:
    if environment.keep:
        return (
            f"This deletes the stack {environment.stack_name}. Buckets, table, secrets and queues "
            "are kept.\n"
        )
    files = f", and every version of every file in {' and '.join(emptied)}" if emptied else ""
    return (
        f"This deletes the stack {environment.stack_name} with its table, secrets and "
        f"queues{files}. It cannot be undone.\n"
    )


if __name__ == "__main__":
    main()
