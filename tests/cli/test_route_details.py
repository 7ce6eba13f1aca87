"""What a route takes, in words."""

from darkroom.domain.routes import Tariff
from infra.cli.offline_specs import find_routes
from infra.cli.route_details import describe_inputs, describe_params, describe_prices
from tests.fakes.run_adapter import route_of

ERASE = route_of("snapapi", "remove-objects", None)
ONE_MILL = Tariff(0.001, "2026-01-02", "a list")


def test_parameter_shows_its_values_and_default() -> None:
    """Optional ones are in brackets."""
    shown = describe_params(route_of("apiframe", "upscale", "clarity")).splitlines()
    assert "[scale]: 1 or 2 or 4 or 8; default 2" in shown
    assert "[prompt]: text of at most 2000 characters" in shown
    assert "[creativity]: number from 0 to 1" in shown
    assert "[num_inference_steps]: whole number from 1 to 100" in shown
    assert "style: whole number or text" in describe_params(route_of("perfect", "hairstyle", None))
    assert "[enhance_faces]: true or false" in describe_params(route_of("snapapi", "upscale", None))


def test_file_shows_its_formats_and_sizes() -> None:
    """As far as the vendor documents them."""
    assert describe_inputs(route_of("perfect", "remove-objects", None)).splitlines() == [
        "image: jpg png, to 10 MB, to 4096 px",
        "mask: jpg png, to 10 MB, the size of image",
    ]
    assert describe_inputs(route_of("snapapi", "combine", None)) == (
        "image: jpg png webp, to 3 files, to 100 MB"
    )
    assert "from 320 px" in describe_inputs(route_of("perfect", "aging", None))


def test_price_is_shown_for_each_case() -> None:
    """In dollars, too, where a credit has a price."""
    assert describe_prices(ERASE, ONE_MILL).splitlines() == [
        "erase_mode normal or not given: 3 credits, $0.003",
        "erase_mode super: 4 credits, $0.004",
        "erase_mode ultra: 13 credits, $0.013",
    ]
    free = Tariff(None, "2026-01-02", "a list")
    assert describe_prices(route_of("perfect", "aging", None), free) == "2 credits"
    assert describe_prices(route_of("perfect", "wig", None), free) == "unknown"


def test_every_route_can_be_described() -> None:
    """Every parameter and every role has a line that says something."""
    for route in find_routes():
        params = describe_params(route).splitlines()
        assert len(params) == len(route.params.model_json_schema().get("properties", {}))
        assert len(describe_inputs(route).splitlines()) == len(route.roles)
        assert all(": " in line for line in params), route.model
