"""Makes tasks and images for the tests of the command."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure
from darkroom.domain.media import PNG
from darkroom.domain.order import Choice, Order, Trigger
from darkroom.domain.task import Ending, Result, State, Task

START = datetime(2025, 5, 1, 12, tzinfo=UTC)
CHOICES = (
    Choice("snapapi", "enhance-upscale-image"),
    Choice("apiframe", "topaz-image-upscale"),
)


def make_task(
    task_id: str = "0" * 32,
    state: State = "succeeded",
    key: str = "photos/cat.jpg.upscale.json",
    *,
    source: str | None = "photos/cat.jpg",
    ending: Ending | None = None,
    bucket: str = "in",
    **changes: Any,
) -> Task:
    """A task that upscales a cat; `created_at` is `START`, `updated_at` two seconds later."""
    output = f"{source}/upscale"
    if state in {"failed", "unknown", "cancelled"} and ending is None:
        ending = Ending(
            "failed" if state == "failed" else "unknown",
            Failure("no-credits", "SnapAPI has no credits left.", "Buy some."),
        )
    succeeded = state == "succeeded"
    fields: dict[str, Any] = {
        "task_id": task_id,
        "trigger": Trigger("upload", bucket, key, "v1"),
        "output": output,
        "manifest_key": f"{output}.manifest.json",
        "created_at": START,
        "updated_at": START + timedelta(seconds=2),
        "deadline": START + timedelta(days=1),
        "state": state,
        "source": source,
        "order": Order("upscale", CHOICES, keys={"image": (source or "",)}),
        "attempts": (make_attempt(),) if succeeded else (),
        "results": (Result(f"{output}.png", "image", PNG.content_type, 10, "ab"),)
        if succeeded
        else (),
        "ending": ending,
    }
    return Task(**(fields | changes))


def make_attempt(**changes: Any) -> Attempt:
    """A paid attempt at SnapAPI that cost six credits."""
    fields: dict[str, Any] = {
        "number": 1,
        "provider": "snapapi",
        "model": "enhance-upscale-image",
        "started_at": START,
        "call_until": START + timedelta(seconds=90),
        "outcome": "succeeded",
        "charged": "yes",
        "credits": 6.0,
    }
    return Attempt(**(fields | changes))


def make_photo(width: int = 64, height: int = 48) -> Image.Image:
    """A colourful image whose corners all differ."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


def make_mask(width: int = 64, height: int = 48) -> Image.Image:
    """White in a rectangle in the middle, black around it."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (width // 4, height // 4, width * 3 // 4, height * 3 // 4))
    return mask
