"""One process that does all that the tests need Node for: starting it costs more than the rest.

Called as `synthesis.py FOLDER ENVIRONMENT...`; says as JSON what it made. The variable of the
CDK's command for `-c` must be set before: Node reads it when it starts.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr
from pathlib import Path

from infra.aws import app


def main() -> None:
    """Make the templates, run the app as the CDK's command does, and synthesize a circle."""
    out = Path(sys.argv[1])
    paths = {name: str(app.synthesize(name, out / name)) for name in sys.argv[2:]}
    commanded = out / "commanded"
    made = {
        "paths": paths,
        "commanded": str(commanded),
        "warnings": _run_as_command(commanded),
        "circle": _synthesize_circle(out / "circle"),
    }
    sys.stdout.write(json.dumps(made))


def _run_as_command(out: Path) -> str:
    os.environ["CDK_OUTDIR"] = str(out)
    with redirect_stderr(io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)) as said:
        app.main()
    said.seek(0)
    return said.read()


def _synthesize_circle(out: Path) -> str:
    """How the synthesis of two resources that name each other ends; empty when it succeeds."""
    made = app._start_app(out)
    from aws_cdk import CfnResource, Stack  # noqa: PLC0415 - Node is found by the line above

    stack = Stack(made, "circle")
    one, two = (CfnResource(stack, name, type="AWS::SNS::Topic") for name in ("One", "Two"))
    for each, other in ((one, two), (two, one)):
        each.add_property_override("TopicName", {"Fn::GetAtt": [other.logical_id, "TopicName"]})
    try:
        made.synth()
    except RuntimeError as error:  # what jsii makes of any error in Node
        return f"{error}\n{(out / 'validation-report.json').read_text('utf-8')}"
    return ""


if __name__ == "__main__":
    main()
