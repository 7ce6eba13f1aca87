"""The CDK app: synthesizes the template of one environment, without network, account or Docker.

Importing this module starts nothing. The CDK runs on Node, so it is imported only when a template
is synthesized and jsii knows which Node to use.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.aws.environments import Environment, find_environment
from infra.aws.layers import LayerError
from infra.aws.node import point_jsii_to_node

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
    with the same folder, it overwrites. A layer that is not built, or is stale, is replaced by an
    empty one with a warning. Raises ValueError for an unknown environment or a wrong setting.
    """
    settings = find_environment(environment)
    app = _start_app(outdir)
    _add_stack(app, settings, placeholder_layers=True)
    app.synth()
    return outdir / f"{settings.stack_name}.template.json"


def main() -> None:
    """Synthesize for the CDK's command: `-c environment=NAME`, else DARKROOM_ENVIRONMENT.

    Ends with a sentence for an unknown environment, a wrong setting, and for a layer that is not
    built or is stale, unless DARKROOM_LAYERS is `placeholder`.
    """
    app = _start_app(Path(os.environ.get("CDK_OUTDIR", "cdk.out")))
    name = app.node.try_get_context("environment") or os.environ.get(
        "DARKROOM_ENVIRONMENT", DEFAULT_ENVIRONMENT
    )
    placeholder_layers = os.environ.get("DARKROOM_LAYERS") == "placeholder"
    try:
        _add_stack(app, find_environment(name), placeholder_layers=placeholder_layers)
    except (LayerError, ValueError) as error:
        sys.exit(str(error))
    app.synth()


def _start_app(outdir: Path) -> "App":
    point_jsii_to_node()
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


def _add_stack(app: "App", environment: Environment, *, placeholder_layers: bool) -> None:
    from infra.aws.stack import DarkroomStack  # noqa: PLC0415 - starts Node too

    DarkroomStack(app, environment, placeholder_layers=placeholder_layers)


if __name__ == "__main__":
    main()
