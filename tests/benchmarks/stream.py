"""A result on its way from the provider to S3: memory, processor time, requests.

    python -m tests.benchmarks stream          # about two minutes

The download is the real driver's, the upload the real port's, as SUBMIT, POLL and DELIVER do them;
beside it the same download and boto3's `upload_fileobj` with its defaults. Provider and S3 are one
small server in another process on this machine. It speaks plain HTTP; there boto3 also hashes the
body to sign it, which it does not over TLS, on both ways.

Every measurement is a process of its own, which has made one small transfer before. A result of
1 GiB is larger than `Limits.result_bytes`, which is as much as Lambda's disk takes beside the rest:
the limit is lifted here.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from subprocess import run as run_process
from typing import Any, Final
from urllib.request import urlopen

import boto3

from darkroom.composition import build_ports
from darkroom.domain.limits import Limits
from darkroom.settings import Settings

MIB: Final = 1024 * 1024
SIZES_MIB: Final = (1, 100, 1024)
WAYS: Final = ("darkroom", "upload_fileobj")
WARM_UP_BYTES: Final = 1000
BLOCK: Final = bytes(range(256)) * (MIB // 256)
"""Of no known file format, so that every length is complete."""
_ROOT: Final = Path(__file__).parents[2]
_PARTS_ANSWER: Final = (
    "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
)
_COMPLETE_ANSWER: Final = (
    "<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>"
)


def run(sizes_mib: Sequence[int] = SIZES_MIB) -> dict[str, Any]:
    """Run the benchmark; plain JSON figures.

    `transfers` has for each size and way: `grown_mib`, by how much the process's peak of memory was
    above what it had before; `cpu_s_per_gib`; `upload_requests`; `took_s`. `limit_mib` is
    `Limits.result_bytes`.
    """
    with _server() as url:
        transfers = [
            {"size_mib": size, "way": way, **_measure(way, size, url)}
            for size in sizes_mib
            for way in WAYS
        ]
    return {"limit_mib": Limits().result_bytes // MIB, "transfers": transfers}


def _measure(way: str, size_mib: int, url: str) -> dict[str, float]:
    """One transfer in a process of its own."""
    before = _uploads(url)
    child = [sys.executable, "-m", "tests.benchmarks.stream", way, str(size_mib), url]
    done = run_process(child, cwd=_ROOT, stdout=PIPE, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    # The small transfer before it was one request on both ways.
    return {**figures, "upload_requests": _uploads(url) - before - 1}


def _transfer(way: str, size_mib: int, url: str) -> dict[str, float]:
    copy = _copier(way, url)
    copy(WARM_UP_BYTES)
    before_kib = _memory_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak begins anew
    began, cpu = time.monotonic(), time.process_time()
    copy(size_mib * MIB)
    used_s = time.process_time() - cpu
    return {
        "grown_mib": round((_memory_kib("VmHWM") - before_kib) / 1024, 1),
        "cpu_s_per_gib": round(used_s * 1024 / size_mib, 2),
        "took_s": round(time.monotonic() - began, 2),
    }


def _copier(way: str, url: str) -> Callable[[int], None]:
    """Copies a result of so many bytes from the provider to the bucket."""
    session = boto3.Session("none", "none", region_name="us-east-1")
    settings = Settings(
        environment="benchmark",
        input_bucket="input",
        output_bucket="output",
        table="none",
        event_bus="none",
        loopback=True,
    )
    ports = build_ports(settings, session, url)
    client = session.client("s3", endpoint_url=url)

    def copy(size: int) -> None:
        with ports.providers.fetch(f"{url}/results/{size}", 2 * size) as result:
            if way == "darkroom":
                ports.outputs.put_over("result.bin", result.body, "image/png", None)
            else:
                client.upload_fileobj(result.body, "output", "result.bin")

    return copy


def _memory_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _uploads(url: str) -> int:
    with urlopen(f"{url}/uploads") as answer:  # noqa: S310 - our own server
        return int(answer.read())


class _ProviderAndS3(BaseHTTPRequestHandler):
    """`/results/<bytes>` is a result, `/uploads` how many requests S3 has had; the rest is S3."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    uploads = 0

    def do_GET(self) -> None:
        """A result, or the count."""
        if self.path == "/uploads":
            self._answer(str(self.uploads))
            return
        size = int(self.path.rpartition("/")[2])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for first in range(0, size, MIB):
            self.wfile.write(BLOCK[: size - first])

    def do_PUT(self) -> None:
        """An object, or a part of one."""
        self._take()
        self._answer("")

    def do_POST(self) -> None:
        """The begin or the end of a multipart upload."""
        self._take()
        self._answer(_PARTS_ANSWER if self.path.endswith("?uploads") else _COMPLETE_ANSWER)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _take(self) -> None:
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, MIB)))
        with self.lock:
            type(self).uploads += 1

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@contextmanager
def _server() -> Iterator[str]:
    """The server in a process of its own; yields its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.stream", "serve"]
    with Popen(command, cwd=_ROOT, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ProviderAndS3)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def main() -> None:
    """What the processes that `run` starts do: serve, or one transfer."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("what", choices=("serve", *WAYS))
    parser.add_argument("size_mib", type=int, nargs="?", default=1)
    parser.add_argument("url", nargs="?", default="")
    options = parser.parse_args()
    if options.what == "serve":
        _serve()
    else:
        sys.stdout.write(json.dumps(_transfer(options.what, options.size_mib, options.url)))


if __name__ == "__main__":
    main()
