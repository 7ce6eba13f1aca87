"""A photo and its spec go in, the edited photo and its manifest come out."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.shop import PHOTOS, Shop

pytestmark = pytest.mark.e2e


def size_of(body: bytes) -> tuple[int, int]:
    """Width and height of an image."""
    with Image.open(io.BytesIO(body)) as image:
        return image.size


def test_the_aws_cli_puts_a_photo_and_a_spec_and_finds_result_and_manifest(
    shop: Shop, tmp_path: Path
) -> None:
    """Nothing of Darkroom is needed to use it: the AWS CLI alone does the main job."""
    spec = tmp_path / "cat.jpg.json"
    spec.write_text('{"operation": "remove-background", "provider": "snapapi"}')
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def aws(*words: str) -> str:
        command = [sys.executable, "-m", "awscli", "--endpoint-url", shop.endpoint_url, *words]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    into, out = shop.outputs["InputBucket"], shop.outputs["OutputBucket"]
    aws("s3", "cp", str(PHOTOS / "chelsea.jpg"), f"s3://{into}/cli/cat.jpg")
    aws("s3", "cp", str(spec), f"s3://{into}/cli/cat.jpg.json")
    shop.manifest("cli/cat.jpg/remove-background")
    listed = aws("s3", "ls", f"s3://{out}/cli/cat.jpg/")
    assert "remove-background.png" in listed
    assert "remove-background.manifest.json" in listed


def test_a_synchronous_provider_makes_the_background_transparent(shop: Shop) -> None:
    """SnapAPI answers with the result at once; some pixels are gone and some are kept."""
    output = shop.order("sync/cat.jpg", operation="remove-background", provider="snapapi")
    manifest = shop.manifest(output)
    assert manifest["status"] == "succeeded"
    assert manifest["cost"] == {
        "credits": 1,
        "usd": 0.0005,
        "settled": True,
        "prices_as_of": manifest["cost"]["prices_as_of"],
    }
    with Image.open(io.BytesIO(shop.result(f"{output}.png"))) as image:
        low, high = image.convert("RGBA").getchannel("A").getextrema()
    assert (low, high) == (0, 255)


def test_a_job_is_waited_for_and_doubles_the_size(shop: Shop) -> None:
    """Apiframe answers with a job; the workflow waits, polls and delivers."""
    output = shop.order(
        "async/cat.jpg",
        operation="upscale",
        provider="apiframe",
        params={"scale": 2, "format": "png"},
    )
    manifest = shop.manifest(output)
    assert manifest["status"] == "succeeded"
    assert manifest["job_id"]
    assert size_of(shop.result(f"{output}.png")) == (902, 600)


def test_a_spec_before_its_photo_waits_for_it(shop: Shop) -> None:
    """Either order works: the photo releases the task that its spec made."""
    shop.drop("late/cat.jpg.json", {"operation": "restore", "provider": "snapapi"})
    shop.drop("late/cat.jpg", "chelsea.jpg")
    assert shop.manifest("late/cat.jpg/restore")["status"] == "succeeded"


def test_a_mask_that_comes_last_releases_the_task(shop: Shop) -> None:
    """Every input counts, not only the photo."""
    before = shop.charges("snapapi")
    shop.drop("mask/coffee.jpg", "coffee.jpg")
    shop.drop(
        "mask/coffee.jpg.json",
        {"operation": "remove-objects", "provider": "snapapi", "inputs": {"mask": "m.mask.png"}},
    )
    shop.drop("mask/m.mask.png", "coffee.mask.png")
    manifest = shop.manifest("mask/coffee.jpg/remove-objects")
    assert manifest["status"] == "succeeded"
    assert [file["key"] for file in manifest["inputs"]["mask"]] == ["mask/m.mask.png"]
    assert shop.charges("snapapi") == before + 1


def test_a_repeated_event_is_the_same_task_and_one_paid_call(shop: Shop) -> None:
    """The same spec named through S3 and again through SQS is paid for once."""
    before = shop.charges("snapapi")
    output = shop.order("again/cat.jpg", operation="colorize", provider="snapapi")
    first = shop.manifest(output)
    for _ in range(3):
        shop.send({"key": "again/cat.jpg.json"})
    shop.send("this is no message")
    body, reason = shop.dead_letter()
    assert body == "this is no message"
    assert "not valid JSON" in reason
    assert shop.manifest(output) == first
    assert shop.charges("snapapi") == before + 1


def test_a_new_version_of_a_spec_is_a_new_task(shop: Shop) -> None:
    """Uploading the spec again asks again; the newer result takes the name."""
    output = shop.order("twice/cat.jpg", operation="restore", provider="snapapi")
    first = shop.manifest(output)
    shop.order("twice/cat.jpg", operation="restore", provider="snapapi", metadata={"again": True})
    name = f"{output}.manifest.json"
    for _ in range(100):
        if shop.versions(name) > 1:
            break
        shop.pause()
    second = shop.manifest(output)
    assert second["task_id"] != first["task_id"]
    assert second["spec"]["metadata"] == {"again": True}


def test_thirty_tasks_at_once_are_each_paid_once_and_none_is_lost(shop: Shop) -> None:
    """A batch for all providers comes out whole."""
    before = {provider: shop.charges(provider) for provider in BATCH}
    outputs = [
        shop.order(f"batch/{provider}-{n}.jpg", operation="remove-background", provider=provider)
        for provider, count in BATCH.items()
        for n in range(count)
    ]
    assert {shop.manifest(output)["status"] for output in outputs} == {"succeeded"}
    paid = {provider: shop.charges(provider) - before[provider] for provider in BATCH}
    assert paid == BATCH


BATCH = {"snapapi": 6, "apiframe": 11, "goapi": 11, "perfect": 2}
"""Tasks of one batch, by provider; each provider's pace lets so many through in a few seconds."""


@pytest.mark.parametrize("name", ["my cat.jpg", "a+b.jpg", "50%.jpg", "%2B.jpg", "кот🐈.jpg"])
def test_odd_names_come_through_as_they_are(shop: Shop, name: str) -> None:
    """A name is never decoded twice, nor encoded."""
    output = shop.order(f"odd/{name}", operation="restore", provider="snapapi")
    assert shop.manifest(output)["status"] == "succeeded"
    assert shop.result(f"{output}.png")
