"""Every route of every provider, from the least spec to a picture in hand."""

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
from tests.contract.providers.bench import Bench, Sandbox, build_bench, json_of
from tests.fakes.run_adapter import ADAPTERS

ROUTES = [route for adapter in ADAPTERS for route in adapter.routes if route.refusal is None]


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.provider}-{r.operation}-{r.model}")
def test_every_route_ends_in_results_and_is_charged_once(
    route: Route, sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport
) -> None:
    """The least spec gives what the operation promises, for the documented price, once."""
    sandbox = sandboxes[route.provider]
    sandbox.clear()
    bench = build_bench(sandbox, wire)
    work = bench.work(route)
    before = len(sandbox.ledger())

    out = bench.submit(work)
    assert isinstance(out, Accepted) == route.asynchronous
    if isinstance(out, Accepted):
        end = bench.finish(route, out)
        assert isinstance(end, Finished)
        out = end

    assert len(bench.intended) == 1
    assert out.results
    for result in out.results:
        _assert_is_what_it_says(bench, result)
    charges = sandbox.ledger()[before:]
    assert [charge["kind"] for charge in charges] == ["charge"]
    for known in (route.credits(work.params), out.credits):
        assert known is None or charges[0]["credits"] == max(1, math.ceil(known))


def test_detections_come_as_data_and_their_masks_as_images(snapapi: Bench) -> None:
    """The JSON lists what was found without the masks' bytes; each mask is a picture."""
    out = snapapi.submit(snapapi.work(snapapi.route("detect-objects")))
    assert isinstance(out, Finished)
    listed = json_of(out.results[0].data)

    assert out.results[0].kind == "json"
    assert listed["detected_objects"]
    assert all("mask" not in one for one in listed["detected_objects"])
    assert [one.kind for one in out.results[1:]] == ["image"] * len(listed["detected_objects"])
    assert out.facts["session_id"] == listed["session_id"]


def test_a_portable_scale_makes_the_picture_that_much_larger(bench: Bench) -> None:
    """`scale` means the same at every provider."""
    route = bench.route("upscale")
    out = bench.submit(bench.work(route))
    end = bench.finish(route, out) if isinstance(out, Accepted) else out
    assert isinstance(end, Finished)
    url = end.results[0].url
    assert url is not None
    with bench.driver.fetch(url, 10_000_000) as fetched:
        assert Image.open(fetched.body).size == (96, 64)


def _assert_is_what_it_says(bench: Bench, result: ResultRef) -> None:
    if result.url is None:
        assert result.data is not None
        if result.kind == "json":
            assert json_of(result.data)
        if result.kind == "text":
            assert base64.b64decode(result.data).strip()
        return
    with bench.driver.fetch(result.url, 10_000_000) as fetched:
        assert fetched.media is not None
        assert fetched.media.kind == result.kind
        body = fetched.body.read()
        assert len(body) == fetched.size
        if result.kind == "image":
            Image.open(io.BytesIO(body)).load()
