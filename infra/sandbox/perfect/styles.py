"""Perfect's style lists: groups of a feature, styles of a group, their thumbnails, in pages.

Titles are this sandbox's own. Ids are odd and above 2**53, so that a client that reads them as
floating point numbers asks for a style that does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from werkzeug.wrappers import Response

from infra.sandbox.context import Handler, RefusalError, RequestContext
from infra.sandbox.image_ops.codec import encode
from infra.sandbox.image_ops.draw import paint_prompt, seed_of
from infra.sandbox.perfect.errors import invalid_parameters, invalid_style, invalid_style_group
from infra.sandbox.perfect.features import FEATURES, Feature
from infra.sandbox.perfect.requests import read_page_size, read_token
from infra.sandbox.responses import json_reply

SAFE_INTEGER = 2**53
THUMB_EDGE = 96

LENGTHS = ("Short", "Chin Length", "Shoulder Length", "Long", "Extra Long")
TEXTURES = ("Straight", "Waves", "Curls", "Coils", "Layers")
WORDS: Mapping[str, Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
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


def _number(*words: str) -> int:
    return (2 * SAFE_INTEGER + seed_of(" ".join(words)) % SAFE_INTEGER) | 1


def _groups_of(name: str) -> tuple[Group, ...]:
    groups = []
    for title, (first, second) in WORDS[name].items():
        titles = [f"{one} {other}" for one, other in product(first, second)]
        styles = tuple(Style(_number(name, title, one), one) for one in titles)
        groups.append(Group(_number(name, title), title, styles))
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
    """Make the handler that lists the feature's style groups."""

    def handle(call: RequestContext) -> Response:
        page, token = _page(call, GROUPS[feature.name])
        groups = [{"id": group.id, "info": {"title": group.title}} for group in page]
        return json_reply({"status": 200, "result": {"next_token": token, "groups": groups}})

    return handle


def styles_handler(feature: Feature) -> Handler:
    """Make the handler that lists the styles of a group, of every group where none is named."""

    def handle(call: RequestContext) -> Response:
        named = call.request.args.get("style_group_id")
        if named is None:
            styles = tuple(style for group in GROUPS[feature.name] for style in group.styles)
        elif named.isdecimal():
            styles = _find_group(feature, int(named)).styles
        else:
            raise invalid_parameters()
        page, token = _page(call, styles)
        shown = [
            {
                "id": style.id,
                "info": {"title": style.title, "thumb": f"{call.base}/thumbs/{style.id}.jpg"},
            }
            for style in page
        ]
        return json_reply({"status": 200, "result": {"next_token": token, "styles": shown}})

    return handle


def thumb(call: RequestContext) -> Response:
    """Answer with the thumbnail of a style; no token is asked for."""
    for groups in GROUPS.values():
        for group in groups:
            for style in group.styles:
                if call.args["style_id"] == str(style.id):
                    drawn = paint_prompt(style.title, THUMB_EDGE, THUMB_EDGE)
                    return Response(encode(drawn, "jpg"), mimetype="image/jpeg")
    raise RefusalError(404, "Not Found")


def _find_group(feature: Feature, group_id: int) -> Group:
    for group in GROUPS[feature.name]:
        if group.id == group_id:
            return group
    raise invalid_style_group()


def _page(call: RequestContext, items: tuple[Item, ...]) -> tuple[tuple[Item, ...], str | None]:
    """Cut a page out of a list; the token of the next page is the id that it starts with."""
    size = read_page_size(call.request.args)
    token = read_token(call.request.args)
    places = [place for place, item in enumerate(items) if token in (None, str(item.id))]
    if not places:
        raise invalid_parameters()
    start, end = places[0], places[0] + size
    return items[start:end], str(items[end].id) if end < len(items) else None
