"""Every route of every provider, from the smallest valid spec to its results."""

import base64
import io
import math
from collections.abc import Mapping

import pytest
from PIL import Image

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.routes import Route
from darkroom.providers.engine.transport import DeadlineTransport
from tests.contract.providers.harness import ProviderHarness, Sandbox, build_harness, json_of
from tests.fakes.run_adapter import ADAPTERS

ROUTES = [route for adapter in ADAPTERS for route in adapter.routes if route.refusal is None]


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.provider}-{r.operation}-{r.model}")
def test_every_route_ends_in_results_and_one_charge(
    route: Route, sandboxes: Mapping[str, Sandbox], transport: DeadlineTransport
) -> None:
    """The smallest spec gives what the operation promises, for the documented price."""
    sandbox = sandboxes[route.provider]
    sandbox.clear()
    harness = build_harness(sandbox, transport)
    work = harness.work(route)
    before = len(sandbox.ledger())

    out = harness.submit(work)
    assert isinstance(out, Accepted) == route.asynchronous
    if isinstance(out, Accepted):
        end = harness.finish(route, out)
        assert isinstance(end, Finished)
        out = end

    assert len(harness.intended) == 1
    assert out.results
    for result in out.results:
        _assert_is_what_it_says(harness, result)
    charges = sandbox.ledger()[before:]
    assert [charge["kind"] for charge in charges] == ["charge"]
    for known in (route.credits(work.params), out.credits):
        assert known is None or charges[0]["credits"] == max(1, math.ceil(known))


def test_detections_are_data_and_their_masks_images(snapapi: ProviderHarness) -> None:
    """The JSON lists what was found without the masks' bytes; each mask is an image."""
    out = snapapi.submit(snapapi.work(snapapi.route("detect-objects")))
    assert isinstance(out, Finished)
    listed = json_of(out.results[0].data)

    assert out.results[0].kind == "json"
    assert listed["detected_objects"]
    assert all("mask" not in one for one in listed["detected_objects"])
    assert [one.kind for one in out.results[1:]] == ["image"] * len(listed["detected_objects"])
    assert out.facts["session_id"] == listed["session_id"]


def test_portable_scale_multiplies_the_size(harness: ProviderHarness) -> None:
    """`scale` means the same at every provider."""
    route = harness.route("upscale")
    out = harness.submit(harness.work(route))
    end = harness.finish(route, out) if isinstance(out, Accepted) else out
    assert isinstance(end, Finished)
    url = end.results[0].url
    assert url is not None
    with harness.driver.fetch(url, 10_000_000) as fetched:
        assert Image.open(fetched.body).size == (96, 64)


def _assert_is_what_it_says(harness: ProviderHarness, result: ResultRef) -> None:
    if result.url is None:
        assert result.data is not None
        if result.kind == "json":
            assert json_of(result.data)
        if result.kind == "text":
            assert base64.b64decode(result.data).strip()
        return
    with harness.driver.fetch(result.url, 10_000_000) as fetched:
        assert fetched.media is not None
        assert fetched.media.kind == result.kind
        body = fetched.body.read()
        assert len(body) == fetched.size
        if result.kind == "image":
            Image.open(io.BytesIO(body)).load()
