"""What keeps the product safe is switched on where it is put together, too."""

import json
import logging
from dataclasses import replace

import pytest

from darkroom import composition
from darkroom.domain.errors import DarkroomError
from darkroom.domain.prices import SETTINGS, Price
from darkroom.pipeline.orders.price import price_for, price_for_limits
from darkroom.settings import Settings
from tests.fakes.moto_aws import BUS, INPUT, OUTPUT, REGION, TABLE, session
from tests.fakes.providers import PNG
from tests.fakes.raw_server import answering, http, serving
from tests.functions.conftest import House


def test_result_url_of_the_functions_own_machine_is_refused(house: House) -> None:
    """Lambda's own endpoints are there; an answer that names them learns nothing."""
    with serving(answering(http("200 OK", PNG))) as server:
        with (
            pytest.raises(DarkroomError) as caught,
            house.ports.providers.fetch(f"{server.base_url}/1.png", 10_000),
        ):
            pass
        assert caught.value.failure.code == "result-address-refused"
        assert server.connections == 0


def test_loopback_results_need_the_loopback_setting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local one, whose sandboxes keep their results beside it."""
    assert house
    monkeypatch.setenv("DARKROOM_LOOPBACK", "1")
    composition.ports.cache_clear()
    # A function keeps its connections for as long as it lives, which a test does not.
    with (
        serving(answering(http("200 OK", PNG, "Connection: close"))) as server,
        composition.ports().providers.fetch(f"{server.base_url}/1.png", 10_000) as fetched,
    ):
        assert fetched.body.read() == PNG


def test_waits_of_an_environment_reach_the_pipeline(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long jobs are waited for and take, and when a batch has ended; other limits stay."""
    plain = house.ports
    monkeypatch.setenv("DARKROOM_LINGER_S", "4")
    monkeypatch.setenv("DARKROOM_TYPICAL_S", "2")
    monkeypatch.setenv("DARKROOM_SETTLED_S", "3")
    composition.ports.cache_clear()
    ports = composition.ports()
    assert ports.limits == replace(plain.limits, linger_s=4, batch_settled_s=3)
    assert max(route.typical_s for route in plain.providers.routes()) > 60
    assert {route.typical_s for route in ports.providers.routes()} == {2}


def test_prices_of_an_environment_reach_the_pipeline(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model's before its operation's, a credit's, and the one that limits assume."""
    assert house
    price = {"apiframe": {"usd_per_credit": 0.01, "credits": {"upscale": 5, "upscale:topaz": 12}}}
    monkeypatch.setenv("DARKROOM_PRICE", json.dumps(price))
    monkeypatch.setenv("DARKROOM_ASSUME_PRICE", '{"*": 20}')
    composition.ports.cache_clear()
    ports = composition.ports()
    routes = [each for each in ports.providers.routes() if each.provider == "apiframe"]
    known = {(each.operation, each.models[1]): price_for(ports, each, {}) for each in routes[:4]}
    assert known["upscale", "topaz"] == Price(12, 0.12, "setting", "", SETTINGS)
    assert known["upscale", "clarity"].credits == 5
    assert known["remove-background", "bria"].basis == "unknown"
    assert price_for_limits(ports, routes[2], {}).credits == 20


def test_http_libraries_log_only_warnings_and_errors(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At INFO one logs addresses, at DEBUG the other logs headers; whatever the root logger is."""
    assert house
    for name in ("httpx", "httpcore"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
        logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined]
    composition.ports.cache_clear()
    composition.ports()

    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_aws_clients_have_timeouts_and_signature_version_4() -> None:
    """A silent socket must not use up a function's time; URLs with the old signature fail."""
    settings = Settings(
        environment="test", input_bucket=INPUT, output_bucket=OUTPUT, table=TABLE, event_bus=BUS
    )
    ports = composition.build_ports(settings, session())
    signed = ports.inputs.link("photos/cat.jpg", "v1", 60)

    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in signed
    assert f"%2F{REGION}%2Fs3%2F" in signed
    tasks, outputs = vars(ports.tasks)["_table"].meta.client, vars(ports.outputs)["_client"]
    for client in (tasks, outputs):
        config = client.meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 30
        assert config.retries["mode"] == "standard"
        assert config.retries["total_max_attempts"] > 3
    outputs.close()
