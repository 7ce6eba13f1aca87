"""Perfect's catalogues of styles: read page by page, remembered, searched by id or title.

Lists and paging are those of the vendor's document (Perfect AI API 2.0, "List predefined style
groups" and "List predefined style"). Ids are whole numbers above 2^53. Asking costs nothing but
pace, so what was read once is kept until something is not found in it.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.domain.validation_messages import nearest
from darkroom.providers import untrusted_json
from darkroom.providers.adapter import Answer, Request, Style, StyleGroup
from darkroom.providers.perfect.errors import LABEL
from darkroom.providers.perfect.params import Styled

PAGE = 20
"""The largest page that the vendor gives."""
MAX_PAGES = 500
"""Of one list; what goes on for longer is no catalogue."""
MAX_TITLE_LENGTH = 200
MAX_TOKEN_LENGTH = 1000

Steps = Generator[Request, Answer, tuple[Style, ...]]


FORGOTTEN_AFTER = 20
"""Requests in vain after which a catalogue is read anew, also for what was not in it before."""


@dataclass
class _Shelf:
    """What is known of one catalogue so far."""

    groups: tuple[Style, ...] | None = None
    styles: dict[int, tuple[Style, ...]] = field(default_factory=dict)
    unknown: list[Styled] = field(default_factory=list)
    """What was asked for in vain."""

    def hopeful(self, wish: Styled) -> bool:
        """Whether to look for it in the vendor's own lists once more."""
        return wish not in self.unknown or len(self.unknown) >= FORGOTTEN_AFTER


class Catalogues:
    """The catalogues of all features.

    Args:
        refuse: makes an error of an answer that is not 2xx.
    """

    def __init__(self, refuse: Callable[[Answer], DarkroomError]) -> None:
        self._refuse = refuse
        self._shelves: dict[str, _Shelf] = {}

    def read(self, slug: str) -> Generator[Request, Answer, tuple[StyleGroup, ...]]:
        """The whole catalogue as it is now."""
        shelf = self._shelves[slug] = _Shelf()
        found: list[StyleGroup] = []
        for group in (yield from self._groups(slug, shelf)):
            styles = yield from self._styles(slug, shelf, group.id)
            found.append(StyleGroup(group.id, group.title, styles))
        return tuple(found)

    def find(
        self, slug: str, operation: str, wish: Styled
    ) -> Generator[Request, Answer, tuple[int, int]]:
        """The ids of the group and of the style that a spec asks for.

        Raises:
            ProviderRefused: `unknown-style`; nothing or more than one thing is called so.
        """
        style_id, group_id = _number(wish.style), _number(wish.style_group_id)
        if style_id is not None and group_id is not None:
            return group_id, style_id
        remembered = slug in self._shelves
        found = yield from self._search(slug, wish)
        if not found and remembered and self._shelves[slug].hopeful(wish):
            del self._shelves[slug]  # it may have grown since
            found = yield from self._search(slug, wish)
        if not found:
            self._shelves[slug].unknown.append(wish)
            raise self._unknown(slug, operation, wish)
        group, style = found[0]
        if any(other.id != style.id for _, other in found):
            raise _ambiguous(wish, found)
        return group.id, style.id

    def _search(
        self, slug: str, wish: Styled
    ) -> Generator[Request, Answer, list[tuple[Style, Style]]]:
        """Every (group, style) that fits; an id is not looked for any further once it is found."""
        shelf = self._shelves.setdefault(slug, _Shelf())
        group_id = _number(wish.style_group_id)
        if group_id is not None:
            groups: Sequence[Style] = (Style(group_id, str(group_id)),)
        else:
            groups = yield from self._groups(slug, shelf)
        found: list[tuple[Style, Style]] = []
        for group in groups:
            if wish.style_group is not None and not _alike(wish.style_group, group.title):
                continue
            styles = yield from self._styles(slug, shelf, group.id)
            found += [(group, style) for style in styles if _fits(wish.style, style)]
            if found and _number(wish.style) is not None:
                break
        return found

    def _groups(self, slug: str, shelf: _Shelf) -> Steps:
        if shelf.groups is None:
            shelf.groups = yield from self._pages(f"style-group/{slug}", {}, "groups")
        return shelf.groups

    def _styles(self, slug: str, shelf: _Shelf, group_id: int) -> Steps:
        if group_id not in shelf.styles:
            query = {"style_group_id": str(group_id)}
            shelf.styles[group_id] = yield from self._pages(f"style/{slug}", query, "styles")
        return shelf.styles[group_id]

    def _pages(self, path: str, query: Mapping[str, str], name: str) -> Steps:
        """All pages of a list; it ends where there is no next token, however that is said."""
        found: list[Style] = []
        seen: set[str] = set()
        asked = {**query, "page_size": str(PAGE)}
        while True:
            answer = yield Request("GET", f"/s2s/v1.0/task/{path}?{urlencode(asked)}")
            if not answer.ok:
                raise self._refuse(answer)
            result = untrusted_json.as_object(untrusted_json.as_object(answer.json()).get("result"))
            items = untrusted_json.as_list(result.get(name))
            entries = [entry for item in items if (entry := _entry(item)) is not None]
            if items and not entries:
                raise untrusted_json.unreadable()
            found += entries
            token = result.get("next_token")
            if token is None or token == "":
                return tuple(found)
            token = str(token)
            if token in seen or len(seen) >= MAX_PAGES or len(token) > MAX_TOKEN_LENGTH:
                raise untrusted_json.unreadable()  # it would never end
            seen.add(token)
            asked["starting_token"] = token

    def _unknown(self, slug: str, operation: str, wish: Styled) -> ProviderRefused:
        shelf = self._shelves[slug]
        where = f"in the group '{wish.style_group}' " if wish.style_group is not None else ""
        known = {style.title.lower() for styles in shelf.styles.values() for style in styles}
        asked = str(wish.style)
        if wish.style_group is not None and not shelf.styles:
            known = {group.title.lower() for group in shelf.groups or ()}
            asked = wish.style_group
        return ProviderRefused(
            "unknown-style",
            f"{LABEL} has no style '{wish.style}' {where}for '{operation}'."
            f"{nearest(asked, sorted(known))}",
            f"List the styles with `darkroom styles perfect {operation}`, then correct the spec.",
        )


def _ambiguous(wish: Styled, found: Sequence[tuple[Style, Style]]) -> ProviderRefused:
    places = ", ".join(f"'{group.title}' ({style.id})" for group, style in found)
    return ProviderRefused(
        "unknown-style",
        f"{LABEL} has several styles called '{wish.style}', in the groups {places}.",
        "Name the group as `style_group`, or the style by its id.",
    )


def _entry(item: object) -> Style | None:
    """A group or a style: an id, and a title that may be missing; None where it is neither.

    One that cannot be read does not hide the others of its list.
    """
    number = _number(item.get("id")) if isinstance(item, dict) else None
    if not isinstance(item, dict) or number is None:
        return None
    info = item.get("info")
    told = info if isinstance(info, dict) else {}
    title, thumb = told.get("title"), told.get("thumb")
    return Style(
        number,
        title[:MAX_TITLE_LENGTH] if isinstance(title, str) else str(number),
        thumb if isinstance(thumb, str) else None,
    )


def _number(value: object) -> int | None:
    """A whole number, also one that is written as a text; else None."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value) if len(value) <= untrusted_json.MAX_FIGURE_LENGTH else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _fits(wanted: int | str, style: Style) -> bool:
    number = _number(wanted)
    return style.id == number if number is not None else _alike(str(wanted), style.title)


def _alike(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
