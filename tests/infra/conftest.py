"""Makes the slow things once: the templates, in a process of its own, and the layer for the host.

Both as their users do it: with the project's Python, without an account. The templates are made
once for all workers of a run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from infra.aws.layers import HERE, HOST, ROOT, Recipe, build_layer
from tests.infra.template import Template
from tests.once import made_once

CHECKOUT = Path(__file__).resolve().parents[2]

# Where jsii keeps the CDK unpacked for its users, too; an empty one costs more than a synthesis.
UNPACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / (
    "aws/jsii/package-cache"
)

ANSWER = "answer.json"
ENVIRONMENTS = ("local", "dev", "prod", "feature-7")

# What the CDK's command is told with `-c environment=`, and the variable that it must outdo.
COMMANDED, OUTDONE = "staging", "prod"


@dataclass(frozen=True)
class Synthesis:
    """What one process has made with Node.

    Attributes:
        templates: environment -> its template.
        commanded: the folder that the app made when it was run as the CDK's command runs it.
        warnings: what it wrote to stderr then.
        circle: why the synthesis of a circle ended; empty when nothing ended it.
    """

    templates: Mapping[str, Template]
    commanded: Path
    warnings: str
    circle: str


@dataclass(frozen=True)
class BuiltLayer:
    """A layer that was built below `root`, and what the builder said about it."""

    root: Path
    recipe: Recipe

    @property
    def folder(self) -> Path:
        """What becomes `/opt` in Lambda."""
        return self.root / "runtime" / "build" / HOST


def run_bare(
    arguments: Sequence[str], home: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout without PATH, so without another Node, and without a profile."""
    bare = {
        "PATH": "",
        "HOME": str(home),
        "TMPDIR": tempfile.gettempdir(),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(UNPACKED),
        **variables,
    }
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        cwd=CHECKOUT,
        env=bare,
        text=True,
    )


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """All that is made with Node, once for all workers."""
    out = made_once(tmp_path_factory, "assemblies", _synthesize)
    made = json.loads((out / ANSWER).read_text("utf-8"))
    return Synthesis(
        {name: Template.read(name, Path(path)) for name, path in made["paths"].items()},
        Path(made["commanded"]),
        made["warnings"],
        made["circle"],
    )


@pytest.fixture(scope="session")
def templates(synthesis: Synthesis) -> Mapping[str, Template]:
    """Environment -> its template."""
    return synthesis.templates


@pytest.fixture(params=ENVIRONMENTS)
def template(request: pytest.FixtureRequest, templates: Mapping[str, Template]) -> Template:
    """Each environment's template in turn."""
    return templates[request.param]


@pytest.fixture
def prod(templates: Mapping[str, Template]) -> Template:
    """The template of production."""
    return templates["prod"]


@pytest.fixture(scope="session")
def layer_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runtime layer's requirements and nothing built yet."""
    root = tmp_path_factory.mktemp("layers")
    (root / "runtime").mkdir()
    shutil.copy(ROOT / "runtime" / "requirements.txt", root / "runtime")
    return root


@pytest.fixture(scope="session")
def host_layer(layer_root: Path) -> BuiltLayer:
    """The runtime layer, built for this machine and this Python."""
    return BuiltLayer(layer_root, build_layer("runtime", HOST, HERE, root=layer_root))


@pytest.fixture(scope="session")
def lambda_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the Lambda runtime brings, and nothing else of the virtual environment."""
    folder = tmp_path_factory.mktemp("runtime")
    installed = Path(boto3.__file__).parents[1]
    for name in ("boto3", "botocore", "dateutil", "s3transfer", "six.py", "urllib3"):
        (folder / name).symlink_to(installed / name)
    return folder


def _synthesize(out: Path) -> None:
    done = run_bare(
        [str(Path(__file__).with_name("synthesis.py")), str(out), *ENVIRONMENTS],
        out,
        CDK_CONTEXT_JSON=json.dumps({"environment": COMMANDED}),
        DARKROOM_ENVIRONMENT=OUTDONE,
    )
    assert done.returncode == 0, done.stderr
    (out / ANSWER).write_text(done.stdout, "utf-8")
