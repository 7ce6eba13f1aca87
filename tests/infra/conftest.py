"""Makes the slow things once: the templates, in their own process, and the layer for this machine.

Both in the way users make them: with the project's Python and without an account. The templates
are made once for all workers of a run.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
import pytest

from infra.aws.bytecode import PYTHON_VERSION
from infra.aws.environments import FILE, Environment, build_environment
from infra.aws.layers import HOST, ROOT, Recipe, build_layer
from tests.infra.step_requests import Made, Recorder
from tests.infra.template import Template
from tests.infra.template_rights import TemplateRights
from tests.once import made_once

CHECKOUT = Path(__file__).resolve().parents[2]

# Where jsii unpacks the CDK; unpacking it again takes longer than a synthesis.
UNPACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / (
    "aws/jsii/package-cache"
)

ANSWER = "answer.json"
SEEDS: Final = (0, 1, 2, 4, 17)
"""Of simulations in which the steps use all of their rights."""
SEED_LIMIT: Final = 60

ENVIRONMENTS = ("local", "dev", "prod", "bank")
OWN = Path(__file__).with_name("environments.toml")
"""The environments that only these tests have."""

# The value of `-c environment=`, and of the variable that it takes precedence over.
COMMANDED, OVERRIDDEN = "guest", "prod"


@dataclass(frozen=True)
class Synthesis:
    """What one process has synthesized.

    Attributes:
        templates: environment -> its template.
        commanded: the folder that the app wrote when it was run like the CDK's command runs it.
        warnings: what it wrote to stderr then.
        refused: what it ended with when it was to be deployed with the layers as they are; empty
            if they are built.
        own: the template of an app with a stack of its own around the construct.
        nagged: the folder with the shipped environments and cdk-nag's report.
        circle: the error of a synthesis with circular references; empty if there was none.
    """

    templates: Mapping[str, Template]
    commanded: Path
    warnings: str
    refused: str
    own: Template
    nagged: Path
    circle: str

    @property
    def guest(self) -> Template:
        """The template of the commanded environment."""
        return Template.read(COMMANDED, self.commanded / f"darkroom-{COMMANDED}.template.json")


@dataclass(frozen=True)
class BuiltLayer:
    """A layer that was built below `root`, and its recipe."""

    root: Path
    recipe: Recipe

    @property
    def folder(self) -> Path:
        """The content of `/opt` in Lambda."""
        return self.root / "runtime" / "build" / HOST


def run_bare(
    arguments: Sequence[str], home: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout without PATH, so without another Node, and without a home."""
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
    """Everything that needs Node, made once for all workers."""
    out = made_once(tmp_path_factory, "assemblies", _synthesize)
    made = json.loads((out / ANSWER).read_text("utf-8"))
    return Synthesis(
        {name: Template.read(name, Path(path)) for name, path in made["paths"].items()},
        Path(made["commanded"]),
        made["warnings"],
        made["refused"],
        Template.read("dev", Path(made["own"])),
        Path(made["nagged"]),
        made["circle"],
    )


@pytest.fixture(scope="session")
def templates(synthesis: Synthesis) -> Mapping[str, Template]:
    """Environment -> its template."""
    return synthesis.templates


@pytest.fixture(params=ENVIRONMENTS)
def template(request: pytest.FixtureRequest, templates: Mapping[str, Template]) -> Template:
    """The template of each environment in turn."""
    return templates[request.param]


@pytest.fixture
def prod(templates: Mapping[str, Template]) -> Template:
    """The template of production."""
    return templates["prod"]


@pytest.fixture
def bank() -> Environment:
    """The environment that sets everything, a budget included."""
    return build_environment("bank", tomllib.loads(OWN.read_text("utf-8"))["bank"])


@pytest.fixture(scope="session")
def step_requests(
    tmp_path_factory: pytest.TempPathFactory, templates: Mapping[str, Template]
) -> Sequence[Made]:
    """What the steps ask AWS for in production, recorded once for all workers.

    Simulations are played until every right was used, but no more than `SEED_LIMIT` of them.
    """
    rights = TemplateRights(templates["prod"].body)

    def record(folder: Path) -> None:
        recorder = Recorder(rights.settings)
        for seed in itertools.chain(SEEDS, range(max(SEEDS) + 1, SEED_LIMIT)):
            recorder.play(seed)
            if seed >= max(SEEDS) and not rights.unused(recorder.made.values()):
                break
        made = [one.as_json() for one in recorder.made.values()]
        (folder / ANSWER).write_text(json.dumps(made), "utf-8")

    folder = made_once(tmp_path_factory, "step-requests", record)
    return [Made.from_json(one) for one in json.loads((folder / ANSWER).read_text("utf-8"))]


@pytest.fixture(scope="session")
def layer_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runtime layer's requirements; nothing is built yet."""
    root = tmp_path_factory.mktemp("layers")
    (root / "runtime").mkdir()
    shutil.copy(ROOT / "runtime" / "requirements.txt", root / "runtime")
    return root


@pytest.fixture(scope="session")
def host_layer(layer_root: Path) -> BuiltLayer:
    """The runtime layer, built for this machine and this Python."""
    return BuiltLayer(layer_root, build_layer("runtime", HOST, PYTHON_VERSION, root=layer_root))


@pytest.fixture(scope="session")
def lambda_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the Lambda runtime, and nothing else of the environment."""
    folder = tmp_path_factory.mktemp("runtime")
    installed = Path(boto3.__file__).parents[1]
    for name in ("boto3", "botocore", "dateutil", "s3transfer", "six.py", "urllib3"):
        (folder / name).symlink_to(installed / name)
    return folder


def _synthesize(out: Path) -> None:
    listed = out / "environments.toml"
    listed.write_text(FILE.read_text("utf-8") + OWN.read_text("utf-8"), "utf-8")
    done = run_bare(
        [str(Path(__file__).with_name("synthesis.py")), str(out), *ENVIRONMENTS],
        out,
        CDK_CONTEXT_JSON=json.dumps({"environment": COMMANDED}),
        DARKROOM_ENVIRONMENT=OVERRIDDEN,
        DARKROOM_ENVIRONMENTS_FILE=str(listed),
    )
    assert done.returncode == 0, done.stderr
    (out / ANSWER).write_text(done.stdout, "utf-8")
