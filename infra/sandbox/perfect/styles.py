"""Perfect's style lists: groups of a feature, styles of a group, their thumbnails, in pages.

Titles are this sandbox's own. Ids are odd and above 2**53, so that a client that reads them as
floating point numbers requests a style that does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext
from infra.sandbox.image_ops.codec import encode
from infra.sandbox.image_ops.draw import draw_prompt, seed_from_text
from infra.sandbox.perfect.errors import invalid_parameters, invalid_style, invalid_style_group
from infra.sandbox.perfect.features import FEATURES, Feature
from infra.sandbox.perfect.requests import read_page_size, read_token
from infra.sandbox.provider import Handler, RefusalError
from infra.sandbox.responses import json_response

SAFE_INTEGER = 2**53
THUMB_EDGE = 96

LENGTHS = ("Short", "Chin Length", "Shoulder Length", "Long", "Extra Long")
TEXTURES = ("Straight", "Waves", "Curls", "Coils", "Layers")
STYLE_WORDS: Mapping[str, Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
    "hair-style": {
        "Female": (LENGTHS, TEXTURES),
        "Male": (("Cropped", "Swept", "Slicked", "Loose"), ("Fade", "Curls")),
        "Unisex": (("Silver", "Copper", "Black"), ("Bob", "Shag")),
    },
    "wig": {
        "Synthetic": (LENGTHS, TEXTURES),
        "Human Hair": (("Blonde", "Auburn", "Brown"), ("Bob", "Waves")),
        "Party": (("Pink", "Blue", "Green"), ("Afro", "Mullet")),
    },
    "hair-ext": {
        "Natural": (LENGTHS, TEXTURES),
        "Ombre": (("Honey", "Rose", "Ash"), ("Ends", "Fade")),
        "Braids": (("Fine", "Thick"), ("Box", "Fishtail")),
    },
    "hair-bang": {
        "Full": (("Blunt", "Wispy", "Choppy", "Rounded", "Arched"), TEXTURES),
        "Side": (("Left", "Right"), ("Sweep", "Part")),
        "Curtain": (("Soft", "Heavy"), ("Split", "Drape")),
    },
    "hair-vol": {
        "Crown": (("Light", "Medium", "Full", "Extra", "Maximum"), TEXTURES),
        "Sides": (("Light", "Full"), ("Lift", "Body")),
        "Roots": (("Light", "Full"), ("Lift", "Body")),
    },
    "text-to-image": {
        "Painting": (
            ("Oil", "Watercolor", "Gouache", "Acrylic", "Ink"),
            ("Calm", "Bold", "Warm", "Cool", "Dark"),
        ),
        "Photo": (("Studio", "Street"), ("Day", "Night")),
        "Drawing": (("Pencil", "Charcoal"), ("Sketch", "Study")),
    },
}


@dataclass(frozen=True)
class Style:
    """One style of a group."""

    id: int
    title: str


@dataclass(frozen=True)
class Group:
    """A style group with its styles."""

    id: int
    title: str
    styles: tuple[Style, ...]


Item = TypeVar("Item", Style, Group)


def _style_id(*words: str) -> int:
    return (2 * SAFE_INTEGER + seed_from_text(" ".join(words)) % SAFE_INTEGER) | 1


def _groups_of(name: str) -> tuple[Group, ...]:
    groups = []
    for title, (first, second) in STYLE_WORDS[name].items():
        titles = [f"{one} {other}" for one, other in product(first, second)]
        styles = tuple(Style(_style_id(name, title, one), one) for one in titles)
        groups.append(Group(_style_id(name, title), title, styles))
    return tuple(groups)


GROUPS: Mapping[str, tuple[Group, ...]] = {
    feature.name: _groups_of(feature.name) for feature in FEATURES if feature.has_styles
}


def find_style(feature: Feature, group_id: int, style_id: int) -> Style:
    """Return a style, or raise the refusal for an unknown group or style."""
    for style in _find_group(feature, group_id).styles:
        if style.id == style_id:
            return style
    raise invalid_style()


def groups_handler(feature: Feature) -> Handler:
    """Return the handler that lists the feature's style groups."""

    def handle(ctx: RequestContext) -> Response:
        page, token = _page(ctx, GROUPS[feature.name])
        groups = [{"id": group.id, "info": {"title": group.title}} for group in page]
        return json_response({"status": 200, "result": {"next_token": token, "groups": groups}})

    return handle


def styles_handler(feature: Feature) -> Handler:
    """Return the handler that lists the styles of a group, or of all groups."""

    def handle(ctx: RequestContext) -> Response:
        group_param = ctx.request.args.get("style_group_id")
        if group_param is None:
            styles = tuple(style for group in GROUPS[feature.name] for style in group.styles)
        elif group_param.isdecimal():
            styles = _find_group(feature, int(group_param)).styles
        else:
            raise invalid_parameters()
        page, token = _page(ctx, styles)
        shown = [
            {
                "id": style.id,
                "info": {"title": style.title, "thumb": f"{ctx.base_url}/thumbs/{style.id}.jpg"},
            }
            for style in page
        ]
        return json_response({"status": 200, "result": {"next_token": token, "styles": shown}})

    return handle


def serve_thumbnail(ctx: RequestContext) -> Response:
    """Respond with the thumbnail of a style; no token is needed."""
    for groups in GROUPS.values():
        for group in groups:
            for style in group.styles:
                if ctx.args["style_id"] == str(style.id):
                    drawn = draw_prompt(style.title, THUMB_EDGE, THUMB_EDGE)
                    return Response(encode(drawn, "jpg"), mimetype="image/jpeg")
    raise RefusalError(404, "Not Found")


def _find_group(feature: Feature, group_id: int) -> Group:
    for group in GROUPS[feature.name]:
        if group.id == group_id:
            return group
    raise invalid_style_group()


def _page(ctx: RequestContext, items: tuple[Item, ...]) -> tuple[tuple[Item, ...], str | None]:
    """Return a page of a list and the token of the next page, which is the id of its first item."""
    size = read_page_size(ctx.request.args)
    token = read_token(ctx.request.args)
    places = [place for place, item in enumerate(items) if token in (None, str(item.id))]
    if not places:
        raise invalid_parameters()
    start, end = places[0], places[0] + size
    return items[start:end], str(items[end].id) if end < len(items) else None
