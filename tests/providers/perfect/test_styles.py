"""Styles by id and by title: what is requested, what is cached, what is refused."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom.domain.errors import DarkroomError, ProviderRefused, Throttled, Unclear
from darkroom.providers.adapter import Request, Response
from darkroom.providers.perfect.adapter import Perfect
from darkroom.providers.perfect.styles import REFRESH_AFTER_MISSES
from tests.fakes.run_adapter import NamedFiles, response_of, run
from tests.providers.perfect.builders import job_request_for, registered, result_response, route_of

BIG = 2**53 + 1
FEMALE, MALE = BIG, BIG + 2
Shelves = Mapping[int, tuple[str, Sequence[tuple[int, str]]]]
SHELVES: Shelves = {
    FEMALE: ("Female", ((BIG + 10, "Long Wave"), (BIG + 12, "Bob"))),
    MALE: ("Male", ((BIG + 20, "Quiff"), (BIG + 22, "Bob"))),
}


def answer_to(request: Request, shelves: Shelves = SHELVES) -> Response:
    """The vendor's response: lists of one entry a page, files, tasks."""
    parts = urlsplit(request.path)
    query = parse_qs(parts.query)
    if "/style-group/" in parts.path:
        entries = [(number, title) for number, (title, _) in shelves.items()]
        name = "groups"
    elif "/style/" in parts.path:
        entries = list(shelves[int(query["style_group_id"][0])][1])
        name = "styles"
    elif "/file/" in parts.path:
        return registered()
    else:
        return response_of(200, None)
    at = int(query.get("starting_token", ["0"])[0])
    number, title = entries[at]
    more = {"next_token": str(at + 1)} if at + 1 < len(entries) else {}
    return result_response(**{name: [{"id": number, "info": {"title": title}}]}, **more)


def asked(
    adapter: Perfect, params: Mapping[str, Any], shelves: Shelves = SHELVES
) -> tuple[list[Request], Mapping[str, Any]]:
    """The requests for styles, and the style in the paid request."""
    steps = adapter.prepare(job_request_for("hairstyle", params, adapter), NamedFiles())
    made: list[Request] = []
    try:
        request = next(steps)
        while True:
            made.append(request)
            request = steps.send(answer_to(request, shelves))
    except StopIteration as end:
        paid: Request = end.value
    assert paid.json is not None
    chosen: Mapping[str, Any] = paid.json["payload"]["actions"][0]["params"]
    return [one for one in made if "/style" in one.path], chosen


@pytest.mark.parametrize("style", [BIG + 20, str(BIG + 20)])
@pytest.mark.parametrize("group", [MALE, str(MALE)])
def test_two_ids_are_not_looked_up(style: object, group: object) -> None:
    """They are sent to the last digit, in every notation."""
    made, chosen = asked(Perfect(), {"style": style, "style_group_id": group})
    assert made == []
    assert chosen == {"style_group_id": MALE, "style_ids": [BIG + 20]}


@pytest.mark.parametrize(
    ("params", "chosen"),
    [
        ({"style": BIG + 10}, (FEMALE, BIG + 10)),
        ({"style": str(BIG + 20)}, (MALE, BIG + 20)),
        ({"style": "Long Wave"}, (FEMALE, BIG + 10)),
        ({"style": " quIFF "}, (MALE, BIG + 20)),
        ({"style": "Bob", "style_group": "male"}, (MALE, BIG + 22)),
        ({"style": "Bob", "style_group_id": FEMALE}, (FEMALE, BIG + 12)),
        ({"style": BIG + 22, "style_group": "Male"}, (MALE, BIG + 22)),
    ],
)
def test_missing_ids_are_looked_up(params: dict[str, Any], chosen: tuple[int, int]) -> None:
    """By id or title, in all groups or in the named one."""
    _, found = asked(Perfect(), params)
    assert found == {"style_group_id": chosen[0], "style_ids": [chosen[1]]}


def test_search_ends_as_early_as_possible() -> None:
    """An id ends it where it is found; a group's id needs no list of groups."""
    by_id, _ = asked(Perfect(), {"style": BIG + 10})
    assert [one.path.partition("?")[0].rsplit("/", 2)[1] for one in by_id] == [
        *("style-group", "style-group", "style", "style")
    ]
    in_group, _ = asked(Perfect(), {"style": "Quiff", "style_group_id": MALE})
    assert len(in_group) == 2


def test_catalogue_is_read_once() -> None:
    """The next task of the same process sends no requests."""
    adapter = Perfect()
    first, _ = asked(adapter, {"style": "Quiff"})
    again, chosen = asked(adapter, {"style": "Long Wave"})
    assert (len(first), len(again)) == (6, 0)
    assert chosen == {"style_group_id": FEMALE, "style_ids": [BIG + 10]}


def questions(adapter: Perfect, style: str) -> int:
    """How many lists are read for an unknown style."""
    read = 0

    def counted(request: Request) -> Response:
        nonlocal read
        read += 1
        return answer_to(request)

    steps = adapter.prepare(job_request_for("hairstyle", {"style": style}, adapter), NamedFiles())
    with pytest.raises(ProviderRefused):  # noqa: PT012 - it is raised by any of the answers
        request = next(steps)
        while True:
            request = steps.send(counted(request))
    return read


def test_style_missing_in_the_cache_is_searched_again() -> None:
    """It may have been added since."""
    adapter = Perfect()
    asked(adapter, {"style": "Quiff"})
    assert questions(adapter, "Mullet") > 0


def test_known_miss_is_not_searched_every_time() -> None:
    """A typo in a hundred specs does not read the catalogue a hundred times."""
    adapter = Perfect()
    reads = [questions(adapter, "Mullet") for _ in range(2 * REFRESH_AFTER_MISSES)]
    assert 0 < sum(count > 0 for count in reads) <= 3


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"style": "Long Waves"}, ["'Long Waves'", "Did you mean 'long wave'?"]),
        ({"style": 7}, ["'7'"]),
        ({"style": "Quiff", "style_group": "Female"}, ["'Quiff'", "'Female'"]),
        ({"style": "Quiff", "style_group": "Mail"}, ["'Mail'", "Did you mean 'male'?"]),
    ],
)
def test_unknown_style_is_refused_with_the_nearest_title(
    params: dict[str, Any], words: list[str]
) -> None:
    """And with the command that lists all."""
    with pytest.raises(ProviderRefused) as caught:
        asked(Perfect(), params)
    failure = caught.value.failure
    assert failure.code == "unknown-style"
    assert all(word in failure.sentence for word in words)
    assert "darkroom styles perfect hairstyle" in failure.next_step


def test_ambiguous_title_is_refused() -> None:
    """The sentence names the groups and ids to choose from."""
    with pytest.raises(ProviderRefused) as caught:
        asked(Perfect(), {"style": "bob"})
    failure = caught.value.failure
    assert failure.code == "unknown-style"
    assert f"'Female' ({BIG + 12}), 'Male' ({BIG + 22})" in failure.sentence
    assert "style_group" in failure.next_step


def test_style_in_two_groups_is_one_style() -> None:
    """The same id under two groups is not ambiguous; the first group is used."""
    both: Shelves = {1: ("New", ((5, "Bob"),)), 2: ("All", ((5, "Bob"),))}
    _, chosen = asked(Perfect(), {"style": "Bob"}, both)
    assert chosen == {"style_group_id": 1, "style_ids": [5]}


def test_listing_always_reads_the_catalogue_again() -> None:
    """Later tasks use what it has read."""
    adapter = Perfect()
    for _ in range(2):
        steps = adapter.styles(route_of("hairstyle", adapter))
        made = []
        try:
            request = next(steps)
            while True:
                made.append(request)
                request = steps.send(answer_to(request))
        except StopIteration as end:
            groups = end.value
        assert len(made) == 6
    assert [(one.id, one.title, len(one.styles)) for one in groups] == [
        (FEMALE, "Female", 2),
        (MALE, "Male", 2),
    ]
    assert asked(adapter, {"style": "Quiff"})[0] == []


def test_feature_without_styles_is_refused() -> None:
    """Without a request."""
    with pytest.raises(ProviderRefused) as caught:
        Perfect().styles(route_of("colorize"))
    assert caught.value.failure.code == "no-styles"


@pytest.mark.parametrize(
    ("responses", "kind"),
    [
        ([result_response()], Unclear),
        ([result_response(groups=[{"info": {"title": "Female"}}])], Unclear),
        ([result_response(groups=[{"id": True}])], Unclear),
        ([result_response(groups=[{"id": 1.5}])], Unclear),
        (
            [
                result_response(groups=[], next_token="1"),
                result_response(groups=[], next_token="1"),
            ],
            Unclear,
        ),
        ([response_of(429, {"status": 429, "error": "Too many requests"})], Throttled),
        ([response_of(500, {})], Unclear),
    ],
)
def test_unreadable_catalogue_is_unclear(
    responses: list[Response], kind: type[DarkroomError]
) -> None:
    """Also one whose pages never end; a retry is free."""
    with pytest.raises(kind):
        run(Perfect().styles(route_of("hairstyle")), *responses)


@pytest.mark.parametrize("last", [{"next_token": None}, {"next_token": ""}, {}])
def test_list_ends_without_a_next_token(last: dict[str, Any]) -> None:
    """Null, empty or absent; a missing title becomes the id."""
    page = result_response(groups=[{"id": 5}], **last)
    _, groups = run(
        Perfect().styles(route_of("hairstyle")), page, result_response(styles=[], **last)
    )
    assert [(one.id, one.title, one.styles) for one in groups] == [(5, "5", ())]


def test_unreadable_entry_does_not_hide_the_others() -> None:
    """Neither among the groups nor among the styles."""
    page = result_response(groups=[{"id": None}, {"id": 5}, "x"])
    styles = result_response(styles=[{"id": 7}, {"info": {"title": "nameless"}}])
    _, groups = run(Perfect().styles(route_of("hairstyle")), page, styles)
    assert [(one.id, [style.id for style in one.styles]) for one in groups] == [(5, [7])]
