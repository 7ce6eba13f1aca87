"""A photo and its spec are dropped; the edited photo and its manifest appear."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.environment_client import PHOTOS, EnvironmentClient

pytestmark = pytest.mark.e2e


def size_of(body: bytes) -> tuple[int, int]:
    """Width and height of an image."""
    with Image.open(io.BytesIO(body)) as image:
        return image.size


def test_aws_cli_alone_drops_a_photo_and_lists_result_and_manifest(
    client: EnvironmentClient, tmp_path: Path
) -> None:
    """A client needs nothing of Darkroom: the AWS CLI alone does the main job."""
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
        command = [
            sys.executable,
            "-m",
            "awscli",
            "--endpoint-url",
            client.endpoint_url,
            *words,
        ]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    into, out = client.outputs["InputBucket"], client.outputs["OutputBucket"]
    aws("s3", "cp", str(PHOTOS / "chelsea.jpg"), f"s3://{into}/cli/cat.jpg")
    aws("s3", "cp", str(spec), f"s3://{into}/cli/cat.jpg.json")
    client.manifest("cli/cat.jpg/remove-background")
    listed = aws("s3", "ls", f"s3://{out}/cli/cat.jpg/")
    assert "remove-background.png" in listed
    assert "remove-background.manifest.json" in listed


def test_synchronous_provider_makes_the_background_transparent(
    client: EnvironmentClient,
) -> None:
    """SnapAPI responds with the result; some pixels are transparent and some are opaque."""
    output = client.order("sync/cat.jpg", operation="remove-background", provider="snapapi")
    manifest = client.manifest(output)
    assert manifest["status"] == "succeeded"
    assert manifest["cost"] == {
        "credits": 1,
        "usd": 0.0005,
        "settled": True,
        "prices_as_of": manifest["cost"]["prices_as_of"],
    }
    with Image.open(io.BytesIO(client.result(f"{output}.png"))) as image:
        low, high = image.convert("RGBA").getchannel("A").getextrema()
    assert (low, high) == (0, 255)


def test_job_is_polled_and_doubles_the_size(client: EnvironmentClient) -> None:
    """Apiframe responds with a job; the workflow waits, polls and delivers."""
    output = client.order(
        "async/cat.jpg",
        operation="upscale",
        provider="apiframe",
        params={"scale": 2, "format": "png"},
    )
    manifest = client.manifest(output)
    assert manifest["status"] == "succeeded"
    assert manifest["job_id"]
    assert size_of(client.result(f"{output}.png")) == (902, 600)


def test_result_is_looked_at_and_a_doubtful_one_has_a_warning(client: EnvironmentClient) -> None:
    """A cut-out keeps its transparency; of an animation one frame is left, and that is reported."""
    cut_out, animation = io.BytesIO(), io.BytesIO()
    image = Image.open(PHOTOS / "chelsea.jpg").convert("RGBA")
    image.putalpha(Image.new("L", image.size).point(lambda _: 0))
    image.paste((200, 30, 30, 255), (50, 50, 250, 250))
    image.save(cut_out, "PNG")
    image.convert("RGB").save(
        animation, "GIF", save_all=True, append_images=[image.rotate(90).convert("RGB")]
    )
    client.drop("quality/cut.png", cut_out.getvalue())
    client.drop("quality/cut.png.json", {"operation": "upscale", "provider": "apiframe"})
    client.drop("quality/moving.gif", animation.getvalue())
    client.drop("quality/moving.gif.json", {"operation": "upscale", "provider": "apiframe"})

    manifest = client.manifest("quality/cut.png/upscale")
    assert manifest["results"][0]["quality"] == {"flat": False, "size_ratio": 2.0}
    assert manifest["warnings"] == []
    with Image.open(io.BytesIO(client.result("quality/cut.png/upscale.png"))) as result:
        assert result.convert("RGBA").getchannel("A").getextrema() == (0, 255)
    doubtful = client.manifest("quality/moving.gif/upscale")
    assert doubtful["status"] == "succeeded"
    assert [warning["code"] for warning in doubtful["warnings"]] == ["first-frame-only"]


def test_mask_that_selects_nothing_is_refused_unpaid(client: EnvironmentClient) -> None:
    """The manifest says what to do."""
    before = client.charges("snapapi")
    mask = io.BytesIO()
    with Image.open(PHOTOS / "chelsea.jpg") as photo:
        Image.new("L", photo.size).save(mask, "PNG")
    client.drop("black/cat.mask.png", mask.getvalue())
    output = client.order(
        "black/cat.jpg",
        operation="remove-objects",
        provider="snapapi",
        inputs={"mask": "cat.mask.png"},
    )
    failure = client.manifest(output)["failure"]
    assert failure["code"] == "mask-empty"
    assert "white" in failure["next_step"]
    assert client.charges("snapapi") == before


def test_spec_waits_for_its_photo(client: EnvironmentClient) -> None:
    """Any order works: the photo releases the task of its spec."""
    client.drop("late/cat.jpg.json", {"operation": "restore", "provider": "snapapi"})
    client.drop("late/cat.jpg", "chelsea.jpg")
    assert client.manifest("late/cat.jpg/restore")["status"] == "succeeded"


def test_mask_that_arrives_last_releases_the_task(client: EnvironmentClient) -> None:
    """The task waits for every input, not only for the photo."""
    before = client.charges("snapapi")
    client.drop("mask/coffee.jpg", "coffee.jpg")
    client.drop(
        "mask/coffee.jpg.json",
        {"operation": "remove-objects", "provider": "snapapi", "inputs": {"mask": "m.mask.png"}},
    )
    client.drop("mask/m.mask.png", "coffee.mask.png")
    manifest = client.manifest("mask/coffee.jpg/remove-objects")
    assert manifest["status"] == "succeeded"
    assert [file["key"] for file in manifest["inputs"]["mask"]] == ["mask/m.mask.png"]
    assert client.charges("snapapi") == before + 1


def test_repeated_event_makes_one_task_and_one_paid_call(
    client: EnvironmentClient,
) -> None:
    """A spec that is announced by S3 and again by SQS is paid for once."""
    before = client.charges("snapapi")
    output = client.order("again/cat.jpg", operation="colorize", provider="snapapi")
    first = client.manifest(output)
    for _ in range(3):
        client.send({"key": "again/cat.jpg.json"})
    client.send("this is no message")
    body, reason = client.dead_letter()
    assert body == "this is no message"
    assert "not valid JSON" in reason
    assert client.manifest(output) == first
    assert client.charges("snapapi") == before + 1


def test_new_version_of_a_spec_is_a_new_task(client: EnvironmentClient) -> None:
    """Uploading a spec again makes a new task; its result takes the name."""
    output = client.order("twice/cat.jpg", operation="restore", provider="snapapi")
    first = client.manifest(output)
    client.order("twice/cat.jpg", operation="restore", provider="snapapi", metadata={"again": True})
    name = f"{output}.manifest.json"
    for _ in range(100):
        if client.versions(name) > 1:
            break
        client.pause()
    second = client.manifest(output)
    assert second["task_id"] != first["task_id"]
    assert second["spec"]["metadata"] == {"again": True}


def test_thirty_concurrent_tasks_are_each_paid_once_and_none_is_lost(
    client: EnvironmentClient,
) -> None:
    """All tasks of a batch for all providers succeed."""
    before = {provider: client.charges(provider) for provider in BATCH}
    outputs = [
        client.order(f"batch/{provider}-{n}.jpg", operation="remove-background", provider=provider)
        for provider, count in BATCH.items()
        for n in range(count)
    ]
    assert {client.manifest(output)["status"] for output in outputs} == {"succeeded"}
    paid = {provider: client.charges(provider) - before[provider] for provider in BATCH}
    assert paid == BATCH


BATCH = {"snapapi": 6, "apiframe": 11, "goapi": 11, "perfect": 2}
"""Tasks of one batch by provider; each provider's rate limit allows them within a few seconds."""


def test_unusual_names_are_kept(client: EnvironmentClient) -> None:
    """A name is never decoded twice or encoded."""
    names = ("my cat.jpg", "a+b.jpg", "50%.jpg", "%2B.jpg", "кот🐈.jpg")
    outputs = [
        client.order(f"odd/{name}", operation="restore", provider="snapapi") for name in names
    ]
    for output in outputs:
        assert client.manifest(output)["status"] == "succeeded", output
        assert client.result(f"{output}.png"), output
