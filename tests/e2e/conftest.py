"""One local environment for all end-to-end tests, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.e2e.shop import Shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running local environment with sandboxes whose jobs take half a second."""
    folder: Path = tmp_path_factory.mktemp("darkroom")
    command = [sys.executable, str(Path(__file__).parent / "serve.py"), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        where = json.loads(process.stdout.readline())
        session = boto3.Session("local", "local", region_name="us-east-1")
        yield Shop(
            endpoint_url=where["endpoint_url"],
            outputs=where["outputs"],
            sandboxes=where["sandboxes"],
            s3=session.client("s3", endpoint_url=where["endpoint_url"]),
            sqs=session.client("sqs", endpoint_url=where["endpoint_url"]),
        )
        process.stdin.close()
        assert process.wait(timeout=20) == 0
