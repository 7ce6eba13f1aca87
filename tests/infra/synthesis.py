"""One process for everything that needs Node, because starting Node takes most of the time.

Usage: `synthesis.py FOLDER ENVIRONMENT...`; prints JSON with what it made. The variable with the
value of `-c` must be set before: Node reads it when it starts.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, suppress
from pathlib import Path

from infra.aws import app
from infra.aws.environments import find_environment

SHIPPED = ("dev", "prod")
"""The environments that are checked by the rules of others."""


def main() -> None:
    """Synthesize the templates, run the app like the CDK's command, synthesize a circle."""
    out = Path(sys.argv[1])
    paths = {name: str(app.synthesize(name, out / name)) for name in sys.argv[2:]}
    commanded = out / "commanded"
    made = {
        "paths": paths,
        "commanded": str(commanded),
        "warnings": _run_as_command(commanded),
        "refused": _refuse(out / "refused"),
        "own": str(_synthesize_own(out / "own")),
        "nagged": str(_nag(out / "nagged")),
        "circle": _synthesize_circle(out / "circle"),
    }
    sys.stdout.write(json.dumps(made))


def _run_as_command(out: Path) -> str:
    os.environ["CDK_OUTDIR"] = str(out)
    os.environ["DARKROOM_LAYERS"] = "placeholder"
    with redirect_stderr(io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)) as stderr:
        app.main()
    stderr.seek(0)
    return stderr.read()


def _refuse(out: Path) -> str:
    """The sentence with which the app ends if layers are missing; empty if it does not."""
    os.environ["CDK_OUTDIR"] = str(out)
    del os.environ["DARKROOM_LAYERS"]
    try:
        app.main()
    except SystemExit as end:
        return str(end.code)
    return ""


def _synthesize_own(out: Path) -> Path:
    """The template of a stack that somebody puts the construct into."""
    from infra.aws import Darkroom  # noqa: PLC0415 - starts Node

    made = app._start_app(out)
    from aws_cdk import CfnOutput, Stack  # noqa: PLC0415 - the line above locates Node

    stack = Stack(made, "shop")
    darkroom = Darkroom(stack, "Photos", find_environment("dev"), placeholder_layers=True)
    for name, value in {
        "Photos": darkroom.input_bucket.bucket_name,
        "Results": darkroom.output_bucket.bucket_name,
        "Queue": darkroom.queue.queue_url,
        "Bus": darkroom.bus.event_bus_name,
        "Tasks": darkroom.table.table_name,
        "Submit": darkroom.functions["submit"].function_arn,
    }.items():
        CfnOutput(stack, f"{name}Name", value=value)
    darkroom.add_outputs()
    made.synth()
    return out / "shop.template.json"


def _nag(out: Path) -> Path:
    """The assembly of the shipped environments, with the report of cdk-nag beside it."""
    made = app._start_app(out)
    from aws_cdk import Validations  # noqa: PLC0415 - the line above locates Node
    from cdk_nag import AwsSolutionsChecks, ServerlessChecks  # noqa: PLC0415 - the same

    Validations.of(made).add_plugins(AwsSolutionsChecks(made), ServerlessChecks(made))
    for name in SHIPPED:
        app._add_stack(made, find_environment(name), placeholder_layers=True)
    # With findings the synthesis ends with an error, after it wrote everything.
    with suppress(RuntimeError), redirect_stderr(io.StringIO()):
        made.synth()
    return out


def _synthesize_circle(out: Path) -> str:
    """The error for two resources that refer to each other; empty if there was none."""
    made = app._start_app(out)
    from aws_cdk import CfnResource, Stack  # noqa: PLC0415 - the line above locates Node

    stack = Stack(made, "circle")
    one, two = (CfnResource(stack, name, type="AWS::SNS::Topic") for name in ("One", "Two"))
    for each, other in ((one, two), (two, one)):
        each.add_property_override("TopicName", {"Fn::GetAtt": [other.logical_id, "TopicName"]})
    try:
        made.synth()
    except RuntimeError as error:  # jsii raises it for any error in Node
        return f"{error}\n{(out / 'validation-report.json').read_text('utf-8')}"
    return ""


if __name__ == "__main__":
    main()
