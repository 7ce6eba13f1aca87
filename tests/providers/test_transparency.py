"""Where the source has transparency, a format that has it is asked for, as far as documented."""

from typing import Any

import pytest

from tests.fakes.run_adapter import (
    NamedFiles,
    adapter_of,
    job_request_of,
    response_of,
    route_of,
    run,
)

UPLOADED = response_of(201, {"url": "https://files.test/1"})
REGISTERED = response_of(
    200,
    {
        "status": 200,
        "result": {
            "files": [
                {
                    "file_id": "F1",
                    "requests": [{"method": "PUT", "url": "https://s3.test/1", "headers": {}}],
                }
            ]
        },
    },
)
STORED = response_of(200, {})


def format_of(provider: str, model: str | None, key: str, params: dict[str, Any]) -> str | None:
    """The format that the paid call of an upscale asks for; None for the vendor's default."""
    request = job_request_of(route_of(provider, "upscale", model), params, {"image": [key]})
    responses = (REGISTERED, STORED) if provider == "perfect" else (UPLOADED,)
    _, paid = run(adapter_of(provider).prepare(request, NamedFiles()), *responses)
    assert paid.json
    if provider == "perfect":
        found = paid.json["payload"].get("output_ext")
    else:
        (body,) = [value for value in paid.json.values() if isinstance(value, dict)]
        found = body.get("output_format")
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("provider", "model", "asked"),
    [
        ("apiframe", "topaz-image-upscale", "png"),
        ("apiframe", "clarity-upscale", "png"),
        # Its document has JPEG and WebP for this feature.
        ("perfect", None, "webp"),
    ],
)
def test_upscale_keeps_the_transparency_of_a_cut_out(
    provider: str, model: str | None, asked: str
) -> None:
    """Not the vendor's default, which is JPEG; a format that the spec names is left alone."""
    assert format_of(provider, model, "cut-out.png", {}) == asked
    assert format_of(provider, model, "photo.png", {}) is None
    assert format_of(provider, model, "cut-out.png", {"format": "jpg"}) == "jpg"
