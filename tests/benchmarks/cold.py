"""How long a function takes to start, from the asset and the layer alone, beside `import boto3`.

    python -m tests.benchmarks.cold            # some minutes; prints JSON

Every figure is the median of fresh processes, started in random order so that a busy moment of the
machine meets all of them. On a machine with other work compare processor time, not elapsed time.
Nothing of the virtual environment can be imported there: some packages import what they find beside
them, such as `rich`. Times run from the start of the process, the interpreter's own start included,
as in the bare `import boto3` that they are compared with.

What is measured, one after the other: `imported`, the function's module; `ready`, its ports, for
INTAKE with the routes of all providers; `route_ready`, a route of the one provider that SUBMIT and
POLL call; `first_read`, the first answer of the table; `first_poll`, the first answer of that
provider, for which its secret is read and the HTTP client imported.

AWS and the providers are one small server in this process. It answers at once, so that what is
measured is what a process does itself: imports, clients, connections.
"""

import argparse
import base64
import functools
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import boto3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.aws.bytecode import PYTHON_VERSION, compile_folder
from infra.aws.function_asset import build_function_asset
from infra.aws.layers import HOST, ROOT, build_layer

ROUNDS: Final = 15
SEED: Final = 1
DOORS: Final = ("intake", "submit", "poll", "deliver", "fail", "sweep")
WITH_PROVIDER: Final = frozenset({"submit", "poll"})
PROVIDERS: Final = ("snapapi", "apiframe", "perfect", "goapi")

_FIRST_LINES: Final = """
import json, sys, time
sys.path[:0] = json.loads(sys.argv[1])
marks = {}
def mark(name):
    marks[name] = (time.monotonic(), time.process_time())
def report():
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    print(json.dumps({"marks": marks, "peak_kb": int(peak.split()[1])}))
"""

_BARE: Final = (
    _FIRST_LINES
    + """
import boto3
mark("ready")
report()
"""
)

_DOOR: Final = (
    _FIRST_LINES
    + """
import importlib
door, provider = sys.argv[2:]
importlib.import_module(door)
mark("imported")
from darkroom.composition import ports
made = ports()
if door == "intake":
    len(made.providers.routes())
mark("ready")
if provider:
    route = made.providers.routes().of(provider)[0]
    mark("route_ready")
made.tasks.get("none")
mark("first_read")
if provider:
    try:
        made.providers.poll(route, "1")
    except Exception as error:
        if error.failure.code == "provider-unreachable":
            raise
    mark("first_poll")
report()
"""
)


@dataclass(frozen=True)
class Variant:
    """What has bytecode. boto3 and the standard library always have: the runtime brings them."""

    asset: bool
    layer: bool


VARIANTS: Final[Mapping[str, Variant]] = {
    "compiled": Variant(asset=True, layer=True),
    "layer_compiled": Variant(asset=False, layer=True),
    "sources": Variant(asset=False, layer=False),
}
"""All that is possible with the same Python; the asset without bytecode; another Python."""


@dataclass(frozen=True)
class Deployed:
    """The folders that a function finds in Lambda.

    Attributes:
        assets: whether compiled -> the asset; the same for `layers`.
        runtime: boto3 and what it needs.
    """

    assets: Mapping[bool, Path]
    layers: Mapping[bool, Path]
    runtime: Path

    def path(self, variant: Variant) -> list[str]:
        """What can be imported, in Lambda's order."""
        found = (self.assets[variant.asset], self.layers[variant.layer], self.runtime)
        return [str(folder) for folder in found]


@dataclass(frozen=True)
class Job:
    """One process to measure. `door` is empty for the bare `import boto3`."""

    variant: str
    door: str = ""
    provider: str = ""


def run(rounds: int = ROUNDS, layers: Path | None = None) -> dict[str, Any]:
    """Build everything for this machine, and measure every door.

    Args:
        rounds: processes per door.
        layers: where the layer is kept, so that it need not be downloaded for every run.

    Returns:
        Elapsed and processor time in milliseconds (`..._ms`, `..._processor_ms`), their ratio to
        the same time of the bare `import boto3` (`..._ratio`), megabytes of 1,000,000 bytes
        (`..._mb`). `doors` is door -> variant -> figures, `providers` is provider
        -> figures of POLL with bytecode.
    """
    with tempfile.TemporaryDirectory() as scratch, _stub() as url:
        deployed = _build(Path(scratch), layers or Path(scratch) / "layers")
        samples = _measure(deployed, _plan(rounds), _variables(url))
        bare = _figures(samples[Job("compiled")], {})
        doors = {
            door: {
                variant: _figures(samples[Job(variant, door, _provider_of(door))], bare)
                for variant in VARIANTS
            }
            for door in DOORS
        }
        return {
            "python": PYTHON_VERSION,
            "rounds": rounds,
            "bare_import_boto3": bare,
            "doors": doors,
            "providers": {
                name: _figures(samples[Job("compiled", "poll", name)], bare) for name in PROVIDERS
            },
            "unpacked_mb": {
                "asset": _size_mb(deployed.assets[False]),
                "asset_compiled": _size_mb(deployed.assets[True]),
                "layer": _size_mb(deployed.layers[False]),
                "layer_compiled": _size_mb(deployed.layers[True]),
            },
        }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="processes per door")
    parser.add_argument("--layers", type=Path, help="keep the built layer in this folder")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(run(options.rounds, options.layers), indent=2) + "\n")


def _build(scratch: Path, layers: Path) -> Deployed:
    (layers / "runtime").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "runtime" / "requirements.txt", layers / "runtime")
    build_layer("runtime", HOST, PYTHON_VERSION, root=layers)
    layer = layers / "runtime" / "build" / HOST / "python"
    asset = build_function_asset(scratch / "asset", PYTHON_VERSION).folder
    return Deployed(
        {True: asset, False: _without_bytecode(asset, scratch / "asset-sources")},
        {True: layer, False: _without_bytecode(layer, scratch / "layer-sources")},
        _copy_runtime(scratch / "runtime"),
    )


def _without_bytecode(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def _copy_runtime(folder: Path) -> Path:
    """The packages of the Lambda runtime, compiled, and nothing else of this environment."""
    installed = Path(boto3.__file__).parents[1]
    for name in ("boto3", "botocore", "dateutil", "s3transfer", "urllib3"):
        _without_bytecode(installed / name, folder / name)
    shutil.copy(installed / "six.py", folder)
    compile_folder(folder, "/var/lang/lib/python")
    return folder


def _plan(rounds: int) -> Sequence[Job]:
    """Every process, in random order; compiling takes long, so fewer processes do that."""
    few = max(3, rounds // 5)
    jobs = [Job("compiled")] * rounds
    for door in DOORS:
        for variant in VARIANTS:
            job = Job(variant, door, _provider_of(door))
            jobs += [job] * (rounds if variant == "compiled" else few)
    for name in PROVIDERS[1:]:
        jobs += [Job("compiled", "poll", name)] * rounds
    random.Random(SEED).shuffle(jobs)  # noqa: S311 - the order of a benchmark
    return jobs


def _provider_of(door: str) -> str:
    return PROVIDERS[0] if door in WITH_PROVIDER else ""


def _variables(url: str) -> Mapping[str, str]:
    secrets = {f"DARKROOM_SECRET_{name.upper()}": name for name in PROVIDERS}
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": url,
        "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
        "POWERTOOLS_SERVICE_NAME": "cold",
        "DARKROOM_ENVIRONMENT": "prod",
        "DARKROOM_INPUT_BUCKET": "input",
        "DARKROOM_OUTPUT_BUCKET": "output",
        "DARKROOM_TABLE": "tasks",
        "DARKROOM_EVENT_BUS": "events",
        "DARKROOM_STATE_MACHINE_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:tasks",
        "DARKROOM_DEAD_LETTER_QUEUE_URL": f"{url}/123456789012/dead",
        "DARKROOM_INTAKE_QUEUE_URL": f"{url}/123456789012/intake",
        **secrets,
    }


Sample = Mapping[str, float]
"""Name of a figure -> its value in one process."""


def _measure(
    deployed: Deployed, jobs: Sequence[Job], variables: Mapping[str, str]
) -> Mapping[Job, Sequence[Sample]]:
    samples: dict[Job, list[Sample]] = defaultdict(list)
    for job in dict.fromkeys(jobs):
        _start(deployed, job, variables)  # reads the files from disk once
    for job in jobs:
        samples[job].append(_start(deployed, job, variables))
    return samples


def _start(deployed: Deployed, job: Job, variables: Mapping[str, str]) -> Sample:
    script = [_DOOR, _path(deployed, job), job.door, job.provider]
    if not job.door:
        script = [_BARE, _path(deployed, job)]
    # `-S`: no site-packages; `-B`: Lambda's folders are read-only.
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-BIS", "-c", *script],
        capture_output=True,
        check=False,
        env=dict(variables),
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{job} failed: {done.stderr}")
    found = json.loads(done.stdout)
    sample = {"peak_mb": found["peak_kb"] * 1024 / 1e6}
    for name, (wall, processor) in found["marks"].items():
        sample[f"{name}_ms"] = (wall - began) * 1000
        sample[f"{name}_processor_ms"] = processor * 1000
    return sample


def _path(deployed: Deployed, job: Job) -> str:
    return json.dumps(deployed.path(VARIANTS[job.variant]))


def _figures(samples: Sequence[Sample], bare: Mapping[str, float]) -> dict[str, float]:
    """Medians, and the times' ratios to those of the bare import."""
    figures: dict[str, float] = {}
    for name in samples[0]:
        figures[name] = round(statistics.median(sample[name] for sample in samples), 1)
        if bare and name.endswith("_ms"):
            kind = "ready_processor_ms" if name.endswith("_processor_ms") else "ready_ms"
            figures[name.removesuffix("_ms") + "_ratio"] = round(figures[name] / bare[kind], 2)
    return figures


def _size_mb(folder: Path) -> float:
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return round(total / 1e6, 2)


class _Stub(BaseHTTPRequestHandler):
    """AWS has no task and one key for every provider; a provider knows no job."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A call of AWS, or of a provider."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        called = self.headers.get("X-Amz-Target", "")
        if called.endswith("GetSecretValue"):
            values = {
                "base_url": f"http://{self.headers['Host']}",
                **dict.fromkeys(("api_key", "client_id"), "no-real-key"),
                "client_secret": _public_key(),
            }
            return self._answer(200, {"SecretString": json.dumps(values)})
        if called:
            return self._answer(200, {})
        if self.path.endswith("/client/auth"):
            return self._answer(200, {"status": 200, "result": {"access_token": "token"}})
        return self._answer(404, {})

    def do_GET(self) -> None:
        """A call of a provider."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@functools.cache
def _public_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    written = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(written).decode()


@contextmanager
def _stub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
