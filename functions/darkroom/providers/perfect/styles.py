"""Perfect's catalogues of styles: read page by page, cached, searched by id or title.

Lists and paging are those of the vendor's document (Perfect AI API 2.0, "List predefined style
groups" and "List predefined style"). Ids are whole numbers above 2^53. Requests are free but count
for the rate limit, so a catalogue is cached until a style is not found in it.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.domain.validation_messages import nearest
from darkroom.providers import json_fields
from darkroom.providers.adapter import Request, Response, Style, StyleGroup
from darkroom.providers.perfect.errors import LABEL
from darkroom.providers.perfect.params import Styled

PAGE_SIZE = 20
"""The largest that the vendor allows."""
MAX_PAGES = 500
"""Of one list; a longer one is not a catalogue."""
MAX_TITLE_LENGTH = 200
MAX_TOKEN_LENGTH = 1000

Steps = Generator[Request, Response, tuple[Style, ...]]

REFRESH_AFTER_MISSES = 20
"""Unsuccessful searches after which a catalogue is read again, even for a known miss."""


@dataclass
class _CachedCatalogue:
    """The groups and styles of one catalogue that were read so far."""

    groups: tuple[Style, ...] | None = None
    styles: dict[int, tuple[Style, ...]] = field(default_factory=dict)
    misses: list[Styled] = field(default_factory=list)
    """Searches without a result."""

    def may_contain(self, wanted: Styled) -> bool:
        """Whether the vendor's own lists may have the style by now."""
        return wanted not in self.misses or len(self.misses) >= REFRESH_AFTER_MISSES


class Catalogues:
    """The catalogues of all features.

    Args:
        read_error: builds the error of a response other than 2xx.
    """

    def __init__(self, read_error: Callable[[Response], DarkroomError]) -> None:
        self._error_for = read_error
        self._cached: dict[str, _CachedCatalogue] = {}

    def read(self, slug: str) -> Generator[Request, Response, tuple[StyleGroup, ...]]:
        """The whole catalogue, read again."""
        cached = self._cached[slug] = _CachedCatalogue()
        found: list[StyleGroup] = []
        for group in (yield from self._groups(slug, cached)):
            styles = yield from self._styles(slug, cached, group.id)
            found.append(StyleGroup(group.id, group.title, styles))
        return tuple(found)

    def find(
        self, slug: str, operation: str, wanted: Styled
    ) -> Generator[Request, Response, tuple[int, int]]:
        """The ids of the group and of the style that a spec names.

        Raises:
            ProviderRefused: `unknown-style`; no style has that name, or several do.
        """
        style_id, group_id = _number(wanted.style), _number(wanted.style_group_id)
        if style_id is not None and group_id is not None:
            return group_id, style_id
        was_cached = slug in self._cached
        found = yield from self._search(slug, wanted)
        if not found and was_cached and self._cached[slug].may_contain(wanted):
            del self._cached[slug]  # it may have been extended
            found = yield from self._search(slug, wanted)
        if not found:
            self._cached[slug].misses.append(wanted)
            raise self._unknown(slug, operation, wanted)
        group, style = found[0]
        if any(other.id != style.id for _, other in found):
            raise _ambiguous(wanted, found)
        return group.id, style.id

    def _search(
        self, slug: str, wanted: Styled
    ) -> Generator[Request, Response, list[tuple[Style, Style]]]:
        """Every (group, style) that matches; the search for an id ends when it is found."""
        cached = self._cached.setdefault(slug, _CachedCatalogue())
        group_id = _number(wanted.style_group_id)
        if group_id is not None:
            groups: Sequence[Style] = (Style(group_id, str(group_id)),)
        else:
            groups = yield from self._groups(slug, cached)
        found: list[tuple[Style, Style]] = []
        for group in groups:
            if wanted.style_group is not None and not _same_title(wanted.style_group, group.title):
                continue
            styles = yield from self._styles(slug, cached, group.id)
            found += [(group, style) for style in styles if _matches(wanted.style, style)]
            if found and _number(wanted.style) is not None:
                break
        return found

    def _groups(self, slug: str, cached: _CachedCatalogue) -> Steps:
        if cached.groups is None:
            cached.groups = yield from self._pages(f"style-group/{slug}", {}, "groups")
        return cached.groups

    def _styles(self, slug: str, cached: _CachedCatalogue, group_id: int) -> Steps:
        if group_id not in cached.styles:
            query = {"style_group_id": str(group_id)}
            cached.styles[group_id] = yield from self._pages(f"style/{slug}", query, "styles")
        return cached.styles[group_id]

    def _pages(self, path: str, query: Mapping[str, str], name: str) -> Steps:
        """All pages of a list; a missing, null or empty next token ends it."""
        found: list[Style] = []
        seen: set[str] = set()
        params = {**query, "page_size": str(PAGE_SIZE)}
        while True:
            response = yield Request("GET", f"/s2s/v1.0/task/{path}?{urlencode(params)}")
            if not response.ok:
                raise self._error_for(response)
            result = json_fields.as_object(json_fields.as_object(response.json()).get("result"))
            items = json_fields.as_list(result.get(name))
            entries = [entry for item in items if (entry := _entry(item)) is not None]
            if items and not entries:
                raise json_fields.unreadable_response()
            found += entries
            token = result.get("next_token")
            if token is None or token == "":
                return tuple(found)
            token = str(token)
            if token in seen or len(seen) >= MAX_PAGES or len(token) > MAX_TOKEN_LENGTH:
                raise json_fields.unreadable_response()  # it would never end
            seen.add(token)
            params["starting_token"] = token

    def _unknown(self, slug: str, operation: str, wanted: Styled) -> ProviderRefused:
        cached = self._cached[slug]
        where = f"in the group '{wanted.style_group}' " if wanted.style_group is not None else ""
        known = {style.title.lower() for styles in cached.styles.values() for style in styles}
        name = str(wanted.style)
        if wanted.style_group is not None and not cached.styles:
            known = {group.title.lower() for group in cached.groups or ()}
            name = wanted.style_group
        return ProviderRefused(
            "unknown-style",
            f"{LABEL} has no style '{wanted.style}' {where}for '{operation}'."
            f"{nearest(name, sorted(known))}",
            f"List the styles with `darkroom styles perfect {operation}`, then correct the spec.",
        )


def _ambiguous(wanted: Styled, found: Sequence[tuple[Style, Style]]) -> ProviderRefused:
    places = ", ".join(f"'{group.title}' ({style.id})" for group, style in found)
    return ProviderRefused(
        "unknown-style",
        f"{LABEL} has several styles called '{wanted.style}', in the groups {places}.",
        "Name the group as `style_group`, or the style by its id.",
    )


def _entry(item: object) -> Style | None:
    """A group or a style: an id, and a title that may be missing; None if it is unreadable.

    An unreadable entry does not hide the others of its list.
    """
    number = _number(item.get("id")) if isinstance(item, dict) else None
    if not isinstance(item, dict) or number is None:
        return None
    info = item.get("info")
    details = info if isinstance(info, dict) else {}
    title, thumb = details.get("title"), details.get("thumb")
    return Style(
        number,
        title[:MAX_TITLE_LENGTH] if isinstance(title, str) else str(number),
        thumb if isinstance(thumb, str) else None,
    )


def _number(value: object) -> int | None:
    """A whole number, also one that is written as a text; else None."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value) if len(value) <= json_fields.MAX_FIGURE_LENGTH else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _matches(wanted: int | str, style: Style) -> bool:
    number = _number(wanted)
    return style.id == number if number is not None else _same_title(str(wanted), style.title)


def _same_title(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
