"""The response of `GET /v2/models`, with the models that this sandbox has."""

from infra.sandbox.apiframe.render import (
    BRIA_CREDITS,
    CLARITY_CREDITS,
    FLUX_FILL_CREDITS,
    LAB851_CREDITS,
    TOPAZ_CREDITS_PER_STEP,
)


def _model(model: str, label: str, description: str, cost: int, mode: str) -> dict[str, object]:
    return {
        "id": model,
        "label": label,
        "modality": "image",
        "description": description,
        "costMin": cost,
        "costMax": cost if mode == "flat" else None,
        "pricingMode": mode,
    }


MODELS: tuple[dict[str, object], ...] = (
    _model(
        "topaz-image-upscale",
        "Topaz Image Upscale",
        "Enlarges photographs.",
        TOPAZ_CREDITS_PER_STEP,
        "per-output",
    ),
    _model(
        "clarity-upscale",
        "Clarity Upscaler",
        "Enlarges and adds detail.",
        CLARITY_CREDITS,
        "flat",
    ),
    _model(
        "bria-bg-remove",
        "Bria Background Remove",
        "Makes the background transparent.",
        BRIA_CREDITS,
        "flat",
    ),
    _model(
        "851-bg-remove",
        "851-labs Background Remove",
        "Makes the background transparent, plain or blurred.",
        LAB851_CREDITS,
        "flat",
    ),
    _model(
        "flux-fill-pro",
        "Flux Fill Pro",
        "Repaints a masked region or extends the canvas.",
        FLUX_FILL_CREDITS,
        "flat",
    ),
)
