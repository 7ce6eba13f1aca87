"""Builds Perfect's routes from the table in `routes.py`, which has limits, prices and slugs.

An environment can set slugs, because the vendor's document prints one path only: a wrong slug is
corrected there, and a feature that the document only names becomes callable.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from darkroom.domain.routes import Route
from darkroom.domain.validation_messages import explain, nearest
from darkroom.providers.perfect.params import Styled
from darkroom.providers.perfect.routes import FEATURES, Feature

NAME = "perfect"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)*$")]


class Options(BaseModel, frozen=True, extra="forbid"):
    """An environment's settings for this provider.

    Attributes:
        slugs: operation -> slug.
        file_version: version of the file API; v1.1 also requires every file's size.
    """

    slugs: Mapping[str, Slug] = Field(default_factory=dict)
    file_version: Literal["v1.0", "v1.1"] = "v1.0"

    @field_validator("slugs")
    @classmethod
    def _known(cls, slugs: Mapping[str, str]) -> Mapping[str, str]:
        operations = {feature.operation for feature in FEATURES}
        for operation in slugs:
            if operation not in operations:
                close = nearest(operation, operations)
                raise ValueError(f"Perfect Corp has no operation '{operation}'.{close}")
        return slugs


def read_options(options: Mapping[str, Any]) -> Options:
    """The settings, checked. Raises `ValueError` with a sentence that names the wrong one."""
    try:
        return Options.model_validate(dict(options))
    except ValidationError as error:
        sentence, _ = explain(error, "The environment's settings for perfect", Options.model_fields)
        raise ValueError(sentence) from error


def slug_of(feature: Feature, options: Options) -> str:
    """The feature's name in paths."""
    return options.slugs.get(feature.operation, feature.slug)


def build_route(feature: Feature, options: Options) -> Route:
    """The feature as a route."""
    callable_ = feature.described or feature.operation in options.slugs
    return Route(
        operation=feature.operation,
        provider=NAME,
        # A task from before a slug was corrected finds its route by the old one. Its job is polled
        # under the new slug, where it is unknown: lost, not charged, and submitted again.
        models=tuple(dict.fromkeys((slug_of(feature, options), feature.slug))),
        params=feature.params,
        roles=feature.roles,
        check=_check_group if feature.has_styles else lambda _params, _roles: None,
        idempotency="key",  # "Requests with the same request_id will be ignored by the server"
        asynchronous=True,
        charged_on_failure="no",  # "credits will be consumed when the resulting image is ..."
        credits=feature.price,
        price_as_of="2026-11-21",
        price_source="docs.perfectcorp.com/developers/unit_system, the later API",
        call_s=60,
        typical_s=feature.typical_s,
        job_s=600,
        max_poll_gap_s=10,  # "the task will lose if no polling in 10 seconds"
        source=next(iter(feature.roles), "image"),
        refusal=None if callable_ else _refusal(feature),
    )


def _refusal(feature: Feature) -> str:
    return (
        f"'{feature.operation}' is known, but Perfect's v1 documents do not describe how to call"
        f" it; name its slug (its later API says '{feature.slug}') in the environment's settings"
        " to try it."
    )


def _check_group(params: Styled, _roles: frozenset[str]) -> str | None:
    if params.style_group is not None and params.style_group_id is not None:
        return "Name the style's group by `style_group` or by `style_group_id`, not by both."
    return None
