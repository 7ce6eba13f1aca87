"""Names and folders of results, from templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import SpecName, is_usable_output
from darkroom.domain.output_names import (
    PLACEHOLDERS,
    NameValues,
    build_results_name,
    check_template,
    numbered,
    values_of,
)

CAT = NameValues("cat", "JPG", "upscale", "photos", {"sku": "A-113", "number": 7})
AT_ROOT = NameValues("cat", "jpg", "upscale", "")
MADE = NameValues("sunset", None, "generate", "posters")


@pytest.mark.parametrize(
    ("name", "folder", "values", "expected"),
    [
        (None, None, CAT, ()),
        ("{stem}", "/done", CAT, ("done/cat",)),
        ("{stem}", "/done/", CAT, ("done/cat",)),
        ("{stem}", None, CAT, ("photos/cat",)),
        ("{stem}", "/", CAT, ("cat",)),
        ("{stem}", "done", CAT, ("photos/done/cat",)),
        (None, "/done", CAT, ("done/cat.JPG/upscale",)),
        (None, "/", AT_ROOT, ("cat.jpg/upscale",)),
        ("{label}/{stem}.{ext}", "/x", CAT, ("x/upscale/cat.JPG",)),
        ("{stem}", "/done/{folder}", CAT, ("done/photos/cat",)),
        ("{stem}", "/done/{folder}", AT_ROOT, ("done/cat",)),
        ("{stem}", "{folder}", AT_ROOT, ("cat",)),
        ("{folder}/{stem}", "/", AT_ROOT, ("cat",)),
        ("{folder}-{stem}", "/", AT_ROOT, ("-cat",)),
        ("{metadata.sku}_{metadata.number}", "/", CAT, ("A-113_7",)),
        ("{stem}-{n}", "/", CAT, ("cat-", "")),
        ("{n}{n}", "/a{n}", CAT, ("a", "/", "", "")),
        ("{stem}", "/made", MADE, ("made/sunset",)),
        (None, "/made", MADE, ("made/sunset",)),
    ],
)
def test_template_is_filled(
    name: str | None, folder: str | None, values: NameValues, expected: tuple[str, ...]
) -> None:
    """A relative folder is one of the source's folder; without a name it is the default's."""
    assert build_results_name(name, folder, values) == expected


def test_results_are_numbered_where_the_template_says_or_at_the_end() -> None:
    """A single result has a number only where the template asks for it."""
    assert numbered(("done/cat",), 1) == "done/cat"
    assert numbered(("done/cat",), 2, several=True) == "done/cat-2"
    assert numbered(("done/", "-cat"), 1) == "done/1-cat"
    assert numbered(("a", "b", ""), 2, several=True) == "a2b2"


def test_values_are_those_of_the_source() -> None:
    """Or of the spec, if it has none."""
    named = SpecName("a/b/c.tar.png.thumb.json", "a/b/c.tar.png", "thumb")
    assert values_of(named, "upscale", {}) == NameValues("c.tar", "png", "thumb", "a/b")
    made = SpecName("x.y.json", None, None)
    assert values_of(made, "generate", {}) == NameValues("x.y", None, "generate", "")


@pytest.mark.parametrize("word", PLACEHOLDERS)
def test_known_placeholders_are_known(word: str) -> None:
    """Each of those that messages name."""
    check_template(f"a{{{word}}}b")


@pytest.mark.parametrize(
    "template", ["{x}", "{}", "{metadata}", "{metadata.}", "{ stem}", "{stem", "}", "{{stem}}"]
)
def test_unknown_placeholder_is_refused(template: str) -> None:
    """Also a brace without its counterpart."""
    with pytest.raises(ValueError, match=r"\{"):
        check_template(template)


@given(
    st.text(max_size=20) | st.sampled_from(["{stem}", "{n}", "/a/{folder}/", "{ext}x{label}"]),
    st.none() | st.text(max_size=20) | st.sampled_from(["/", "/done", "{folder}", "x/{n}"]),
    st.text(min_size=1, max_size=8),
    st.sampled_from(["", "a", "a/b"]),
)
def test_name_is_usable_or_refused(name: str, folder: str | None, stem: str, above: str) -> None:
    """Whatever the template and the source are called; braces in the source's name stay."""
    try:
        check_template(name)
        check_template(folder or "")
    except ValueError:
        return
    try:
        built = build_results_name(name, folder, NameValues(stem, "jpg", "upscale", above))
    except SpecRefused as refusal:
        assert refusal.failure.code == "bad-output"  # noqa: PT017 - many names are refused
        return
    names = [numbered(built, number, several=True) for number in (1, 2, 30)]
    assert len(set(names)) == 3
    assert all(map(is_usable_output, names))
    assert ("{n}" in name + (folder or "")) == (len(built) > 1)
