"""A folder with one `_darkroom.json`: photos are dropped without specs, and results appear."""

import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.e2e.environment_client import EnvironmentClient

pytestmark = pytest.mark.e2e

CUT_OUT = {"operation": "remove-background", "provider": "snapapi", "settle_s": 1}


def default_of(client: EnvironmentClient, folder: str) -> Any:
    """Wait for the manifest of a folder default."""
    return json.loads(client.result(f"{folder}_darkroom.manifest.json"))


def test_photos_of_a_folder_are_done_and_named_as_it_says(client: EnvironmentClient) -> None:
    """One paid call for each; the mask among them is left alone."""
    paid = client.charges("snapapi")
    default = CUT_OUT | {"output": {"name": "{stem}", "folder": "/done/{folder}"}}
    version = client.drop("shop/_darkroom.json", default)
    for name in ("a.jpg", "b.jpg", "b.mask.png"):
        client.drop(f"shop/{name}", "chelsea.jpg")

    for name in ("a", "b"):
        manifest = client.manifest(f"shop/{name}.jpg/remove-background")
        assert manifest["status"] == "succeeded"
        assert manifest["trigger"]["kind"] == "photo"
        assert manifest["defaults"] == [{"key": "shop/_darkroom.json", "version_id": version}]
        assert [result["key"] for result in manifest["results"]] == [f"done/shop/{name}.png"]
        with Image.open(io.BytesIO(client.result(f"done/shop/{name}.png"))) as image:
            assert image.mode == "RGBA"
    assert client.charges("snapapi") == paid + 2
    assert not client.keys("shop/b.mask.png")


def test_own_spec_wins_over_its_folder(client: EnvironmentClient) -> None:
    """It comes while its photo waits for it."""
    client.drop("own/_darkroom.json", CUT_OUT | {"settle_s": 5, "metadata": {"shop": 7}})
    client.drop("own/cat.jpg", "chelsea.jpg")
    client.drop("own/cat.jpg.json", {"operation": "upscale", "params": {"scale": 2}})

    manifest = client.manifest("own/cat.jpg/upscale")
    assert (manifest["trigger"]["kind"], manifest["spec"]["metadata"]) == ("upload", {"shop": 7})
    assert not client.keys("own/cat.jpg/remove-background")


def test_broken_folder_default_is_reported_and_its_correction_goes_on(
    client: EnvironmentClient,
) -> None:
    """The photo waits unpaid until then."""
    client.drop("broken/_darkroom.json", {"opration": "remove-background"})
    refused = default_of(client, "broken/")
    client.drop("broken/cat.jpg", "chelsea.jpg")
    client.drop("broken/_darkroom.json", CUT_OUT)

    assert refused["status"] == "refused"
    assert "Did you mean 'operation'?" in refused["failure"]["sentence"]
    assert client.manifest("broken/cat.jpg/remove-background")["status"] == "succeeded"
    assert default_of(client, "broken/")["status"] == "accepted"
