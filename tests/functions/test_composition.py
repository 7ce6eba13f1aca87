"""The one place where concrete things are chosen chooses something for every port."""

from dataclasses import fields
from urllib.parse import urlsplit

import boto3
import pytest

from darkroom import composition
from darkroom.ports import Ports
from darkroom.settings import Settings, SettingsError
from tests.functions.conftest import House


def test_build_ports_makes_every_port(house: House) -> None:
    """Each is made once per process."""
    assert all(getattr(house.ports, field.name) is not None for field in fields(Ports))
    assert composition.ports() is house.ports
    assert house.ports.clock.now().tzinfo is not None


def test_provider_without_credentials_is_not_set_up(house: House) -> None:
    """The secret that the environment names decides."""
    assert house.ports.providers.set_up("snapapi")
    assert not house.ports.providers.set_up("apiframe")


def test_function_without_its_variables_raises_settings_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any work starts."""
    assert house
    monkeypatch.delenv("DARKROOM_TABLE")
    composition.ports.cache_clear()

    with pytest.raises(SettingsError, match="DARKROOM_TABLE"):
        composition.ports()


def test_share_that_cannot_be_met_raises_settings_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two environments would open two jobs where one is allowed."""
    assert house
    monkeypatch.setenv("DARKROOM_PACE", '{"perfect": {"share": 0.5}}')
    composition.ports.cache_clear()

    with pytest.raises(SettingsError, match="open_jobs to at least 2"):
        composition.ports()


def test_price_of_an_unknown_provider_raises_settings_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be for nothing."""
    assert house
    monkeypatch.setenv("DARKROOM_PRICE", '{"apifram": {"usd_per_credit": 0.01}}')
    composition.ports.cache_clear()

    with pytest.raises(SettingsError, match=r"DARKROOM_PRICE.*unknown provider 'apifram'"):
        composition.ports()


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "input.s3.us-east-1.amazonaws.com"),
        ("eu-central-1", "input.s3.eu-central-1.amazonaws.com"),
        ("ap-southeast-4", "input.s3.ap-southeast-4.amazonaws.com"),
        ("cn-north-1", "input.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_presigned_url_has_the_buckets_own_host(region: str, host: str) -> None:
    """The global host answers for a new bucket with a redirect, for which the URL is not signed."""
    link = urlsplit(_link(region))
    assert (link.scheme, link.netloc, link.path) == ("https", host, "/pets/a%20cat.jpg")
    assert f"%2F{region}%2Fs3%2Faws4_request" in link.query
    assert "versionId=v1" in link.query


def test_presigned_url_of_a_local_endpoint_has_the_bucket_in_its_path() -> None:
    """An IP address has no subdomains."""
    link = urlsplit(_link("us-east-1", "http://127.0.0.1:4577"))
    assert (link.netloc, link.path) == ("127.0.0.1:4577", "/input/pets/a%20cat.jpg")


def _link(region: str, endpoint_url: str | None = None) -> str:
    settings = Settings.from_environment(
        {
            "DARKROOM_ENVIRONMENT": "test",
            "DARKROOM_INPUT_BUCKET": "input",
            "DARKROOM_OUTPUT_BUCKET": "output",
            "DARKROOM_TABLE": "tasks",
            "DARKROOM_EVENT_BUS": "events",
            "DARKROOM_STATE_MACHINE_ARN": "arn:aws:states:::machine",
            "DARKROOM_DEAD_LETTER_QUEUE_URL": "https://sqs.test/1/dead",
        }
    )
    session = boto3.Session("testing", "testing", region_name=region)
    ports = composition.build_ports(settings, session, endpoint_url)
    return ports.inputs.link("pets/a cat.jpg", "v1", 60)
