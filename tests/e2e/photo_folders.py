"""Folders of small photos, uploaded by the AWS CLI, as users do without Darkroom's own command."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from tests.e2e.environment_client import REGION, EnvironmentClient


def fill(folder: Path, numbers: Iterable[int], default: Mapping[str, Any]) -> Path:
    """A folder with the photos of these numbers under a folder default."""
    folder.mkdir()
    (folder / "_darkroom.json").write_text(json.dumps(default))
    for number in numbers:
        draw(number).save(folder / f"photo-{number:03}.png")
    return folder


def draw(number: int) -> Image.Image:
    """A photo of 64 x 48 that no other number has."""
    return Image.new("RGB", (64, 48), (number % 256, 80 + number // 256, 120))


def sync(client: EnvironmentClient, folder: Path, prefix: str) -> None:
    """Upload to a prefix of the input bucket what is new or changed."""
    bucket = client.outputs["InputBucket"]
    command = [sys.executable, "-m", "awscli", "--endpoint-url", client.endpoint_url]
    subprocess.run(
        [*command, "s3", "sync", "--quiet", str(folder), f"s3://{bucket}/{prefix}"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder.parent),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
        },
        check=True,
    )
