"""A key says by itself what it is and where its results go; odd ones are refused, never fatal."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import SpecRefused
from darkroom.domain.media import BY_EXTENSION
from darkroom.domain.object_keys import (
    MAX_KEY_BYTES,
    SpecName,
    classify_key,
    digest_of,
    folder_of,
    input_key,
    is_usable_output,
    manifest_key,
    output_name,
    parse_spec_name,
    work_key,
)
from tests.domain.strategies import KEYS, SEGMENTS, SPEC_KEYS


@pytest.mark.parametrize(
    ("key", "source", "label"),
    [
        ("photos/cat.jpg.json", "photos/cat.jpg", None),
        ("photos/cat.JPEG.json", "photos/cat.JPEG", None),
        ("photos/cat.jpg.JSON", "photos/cat.jpg", None),
        ("photos/cat.jpg.thumb.json", "photos/cat.jpg", "thumb"),
        ("photos/cat.jpg.for-web-2x.json", "photos/cat.jpg", "for-web-2x"),
        ("clip.mp4.json", "clip.mp4", None),
        ("posters/sunset.json", None, None),
        ("posters/sunset.final.json", None, None),
        ("photos.jpg/sunset.json", None, None),
        ("photos/cat.jpg.tiff.json", "photos/cat.jpg.tiff", None),
        ("a.jpg.b.c.json", None, None),
    ],
)
def test_spec_name_gives_source_and_label(key: str, source: str | None, label: str | None) -> None:
    """Source and label, by the name alone."""
    assert parse_spec_name(key) == SpecName(key, source, label)


@pytest.mark.parametrize(
    "label", ["Thumb", "a_b", "a b", "x" * 41, "thumb-1", "thumb-007", "ü", ""]
)
def test_invalid_label_in_a_spec_name_is_refused(label: str) -> None:
    """Results are numbered, so a label may not end in a number."""
    with pytest.raises(SpecRefused) as refusal:
        parse_spec_name(f"cat.jpg.{label}.json")
    assert refusal.value.failure.code == "bad-label"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.json", "spec"),
        ("a/b.JSON", "spec"),
        ("a.jpg", "file"),
        ("a", "file"),
        ("a.json/b.txt", "file"),
        ("a/", "ignored"),
        ("", "ignored"),
        (".a.json", "ignored"),
        ("a/.DS_Store", "ignored"),
        ("_darkroom.json", "default"),
        ("a/_darkroom.json", "default"),
        ("a/_cat.jpg.json", "spec"),
    ],
)
def test_key_is_a_spec_a_file_a_default_or_ignored(key: str, kind: str) -> None:
    """Folder markers and dotfiles are ignored."""
    assert classify_key(key) == kind


@settings(deadline=None)
@given(KEYS | SPEC_KEYS)
@example("..json")
@example("a/.jpg.json")
@example("cat.jpg..json")
def test_any_key_is_parsed_or_refused(key: str) -> None:
    """No key raises another error."""
    if classify_key(key) != "spec":
        return
    try:
        name = parse_spec_name(key)
    except SpecRefused:
        return
    assert name.key == key
    assert name.source is None or key.startswith(f"{name.source}.")
    output = output_name(name, "upscale")
    if is_usable_output(output):
        longest = manifest_key(f"{output}@12345678")
        assert len(longest.encode()) <= MAX_KEY_BYTES
        assert not output.startswith("_darkroom/")


@settings(deadline=None)
@given(st.text(max_size=20), st.sampled_from(sorted(BY_EXTENSION)))
def test_every_media_file_may_have_a_spec(stem: str, extension: str) -> None:
    """Whatever its name before the extension."""
    source = f"folder/{stem.replace('/', '-')}x.{extension}"

    assert parse_spec_name(f"{source}.json").source == source


@settings(deadline=None)
@given(SEGMENTS.filter(lambda text: "/" not in text), st.lists(SEGMENTS, min_size=1, max_size=4))
def test_input_key_never_leaves_the_bucket(folder: str, parts: list[str]) -> None:
    """It lies below the folder, or below the root, with no way up."""
    written = "/".join(parts)
    try:
        key = input_key(f"{folder}/", written)
    except SpecRefused:
        return
    below = key if written.startswith("/") else key.removeprefix(f"{folder}/")
    assert all(part not in ("", ".", "..") for part in below.split("/"))
    assert not key.startswith("/") or folder == ""
    assert len(key.encode()) <= MAX_KEY_BYTES


@pytest.mark.parametrize(
    ("written", "key"),
    [("mask.png", "photos/mask.png"), ("m/a.png", "photos/m/a.png"), ("/m/a.png", "m/a.png")],
)
def test_input_key_is_relative_to_its_spec(written: str, key: str) -> None:
    """A leading slash means the bucket's root."""
    assert input_key("photos/", written) == key


@pytest.mark.parametrize(
    "written",
    [
        *("../a.png", "a/../b.png", "./a.png", "a//b.png", "a/", "/", "//a.png", "", ".."),
        *("https://x.example/a.png", "s3://other/a.png", "a" * 1020),
    ],
)
def test_input_outside_the_bucket_is_refused(written: str) -> None:
    """Neither up, nor out, nor a folder."""
    with pytest.raises(SpecRefused) as refusal:
        input_key("photos/", written)
    assert refusal.value.failure.code == "bad-input-path"


@pytest.mark.parametrize(
    ("key", "output"),
    [
        ("a/cat.jpg.json", "a/cat.jpg/upscale"),
        ("a/cat.jpg.thumb.json", "a/cat.jpg/thumb"),
        ("a/sunset.json", "a/sunset"),
    ],
)
def test_results_are_named_after_source_and_label(key: str, output: str) -> None:
    """Without a label, after the operation; without a source, after the spec."""
    assert output_name(parse_spec_name(key), "upscale") == output
    assert manifest_key(output) == f"{output}.manifest.json"


@pytest.mark.parametrize(
    "output", ["", "a//b", "a/./b", "../b", "_darkroom/x", "/a", "a/", "ü" * 500, "a" * 1000]
)
def test_unusable_output_names_are_detected(output: str) -> None:
    """Too long with the longest suffix, or with unusable segments."""
    assert not is_usable_output(output)


def test_output_name_at_the_length_limit_is_usable() -> None:
    """One byte more is not."""
    most = MAX_KEY_BYTES - len("@12345678-999.manifest.json")
    assert is_usable_output("a" * most)
    assert not is_usable_output("a" * (most + 1))


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_task_id_depends_on_its_parts_and_nothing_else(parts: list[str]) -> None:
    """32 hex digits, always the same, different for parts that are split differently."""
    task_id = digest_of(*parts)

    assert task_id == digest_of(*parts)
    assert len(task_id) == 32
    assert set(task_id) <= set("0123456789abcdef")
    assert task_id != digest_of(*parts, "")


def test_folder_of_keeps_its_slash_and_work_key_has_the_attempt() -> None:
    """The bucket's root has no slash."""
    assert (folder_of("a/b/c.jpg"), folder_of("c.jpg")) == ("a/b/", "")
    assert work_key("id", 2) == "_darkroom/work/id/2"
