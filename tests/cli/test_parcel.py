"""What `put` packs: photos, the files that specs name, and the specs under the right keys."""

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest

from infra.cli.commands.put import read_param
from infra.cli.files.upload_plan import pack, pack_written
from infra.cli.offline_specs import check_spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo and its mask."""
    for name in ("cat.jpg", "cat.mask.png"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(path: Path, **spec: Any) -> Path:
    """A spec on the disk."""
    path.write_text(json.dumps(spec))
    return path


def test_a_spec_for_many_photos_lies_beside_each_of_them(folder: Path) -> None:
    """`--spec` names one file; every photo gets its own copy under its own name."""
    (folder / "dog.png").write_bytes(b"x")
    spec = write(folder / "any.json", operation="upscale")
    parcel = pack([folder / "cat.jpg", folder / "dog.png"], spec, "p/")
    assert sorted(parcel.files) == ["p/cat.jpg", "p/dog.png"]
    assert sorted(parcel.specs) == ["p/cat.jpg.upscale.json", "p/dog.png.upscale.json"]
    assert parcel.missing == []


def test_a_labelled_spec_keeps_its_label(folder: Path) -> None:
    """`cat.jpg.thumb.json` stays `thumb` for another photo."""
    (folder / "dog.png").write_bytes(b"x")
    spec = write(folder / "cat.jpg.thumb.json", operation="upscale")
    assert list(pack([folder / "dog.png"], spec, "").specs) == ["dog.png.thumb.json"]


def test_two_specs_for_one_photo_do_not_replace_each_other(folder: Path) -> None:
    """A spec for all is labelled with its operation, unless a label is given."""
    up = write(folder / "a.json", operation="upscale")
    cut = write(folder / "b.json", operation="remove-background")
    photo = [folder / "cat.jpg"]
    assert list(pack(photo, up, "").specs) == ["cat.jpg.upscale.json"]
    assert list(pack(photo, cut, "").specs) == ["cat.jpg.remove-background.json"]
    assert list(pack(photo, up, "", "big").specs) == ["cat.jpg.big.json"]
    assert list(pack_written(photo, {"operation": "upscale"}, "", "big").specs) == [
        "cat.jpg.big.json"
    ]


def test_a_broken_spec_for_all_is_refused_with_its_own_reason(folder: Path) -> None:
    """What cannot be read has no operation to be labelled with."""
    for body in ("{", "[]", '{"operation": 1}'):
        (folder / "s.json").write_text(body)
        assert len(pack([folder / "cat.jpg"], folder / "s.json", "").refused) == 1


def test_a_bad_parameter_is_told_as_it_was_written(folder: Path) -> None:
    """Who wrote `--param` has no spec to correct."""
    document = {"operation": "upscale", "provider": "snapapi", "params": {"scall": 2}}
    (found,) = pack_written([folder / "cat.jpg"], document, "").refused
    assert found.told.startswith("--param NAME=...: ")


def test_a_spec_beside_its_photo_is_found_whatever_its_extension_s_case(folder: Path) -> None:
    """`cat.jpg.Json` is a spec in the bucket, so it is one here."""
    write(folder / "cat.jpg.Json", operation="upscale")
    assert list(pack([folder / "cat.jpg"], None, "").specs) == ["cat.jpg.Json"]


def test_of_a_folder_its_photos_are_taken(folder: Path) -> None:
    """Masks and other files stay, and without a spec for all so do photos that have none."""
    for name in ("dog.PNG", "README.md", ".hidden.jpg"):
        (folder / name).write_bytes(b"x")
    parcel = pack_written([folder], {"operation": "upscale"}, "")
    assert sorted(parcel.files) == ["cat.jpg", "dog.PNG"]
    with pytest.raises(click.UsageError, match="no photos with specs"):
        pack([folder], None, "")
    write(folder / "cat.jpg.json", operation="upscale")
    assert list(pack([folder], None, "").files) == ["cat.jpg"]
    (folder / "empty").mkdir()
    with pytest.raises(click.UsageError, match="no photos in"):
        pack([folder / "empty"], folder / "cat.jpg.json", "")


@pytest.mark.parametrize("name", ["x.cr2", "README.md", "noextension"])
def test_an_unknown_kind_of_photo_is_refused_with_what_is_taken(folder: Path, name: str) -> None:
    """The sentence says what to do with it."""
    (folder / name).write_bytes(b"x")
    with pytest.raises(click.UsageError, match=r"is not a kind of photo.*jpg.*; export it as"):
        pack_written([folder / name], {"operation": "upscale"}, "")


def test_the_reserved_name_is_refused_as_such(folder: Path) -> None:
    """It does not begin with a dot, and is not said to."""
    path = write(folder / "_darkroom.json", operation="upscale")
    with pytest.raises(click.UsageError, match="this name is reserved"):
        pack([path], None, "")
    assert "this name is reserved" in check_spec(path.read_bytes(), str(path)).told


def test_files_that_a_spec_names_go_along(folder: Path) -> None:
    """A mask beside the photo is found and sent to where the spec expects it."""
    (folder / "elsewhere").mkdir()
    spec = write(
        folder / "elsewhere" / "s.json", operation="remove-objects", inputs={"mask": "cat.mask.png"}
    )
    parcel = pack([folder / "cat.jpg"], spec, "p/")
    assert parcel.files["p/cat.mask.png"] == folder / "cat.mask.png"
    assert parcel.missing == []


def test_a_file_that_is_not_here_is_named_as_missing(folder: Path) -> None:
    """It may be in the bucket already; the task waits for it if it is not."""
    spec = write(folder / "s.json", operation="remove-objects", inputs={"mask": "/masks/m.png"})
    assert pack([folder / "cat.jpg"], spec, "p/").missing == ["masks/m.png"]


def test_a_photo_takes_the_specs_that_lie_beside_it(folder: Path) -> None:
    """Without options, what is uploaded is what would be watched for."""
    write(folder / "cat.jpg.json", operation="upscale")
    write(folder / "cat.jpg.cut.json", operation="remove-background")
    write(folder / "cat.jpg2.json", operation="upscale")
    parcel = pack([folder / "cat.jpg"], None, "p/")
    assert sorted(parcel.specs) == ["p/cat.jpg.cut.json", "p/cat.jpg.json"]


def test_a_spec_takes_its_photo_along(folder: Path) -> None:
    """A spec that is named by itself brings the files that it is about."""
    spec = write(folder / "cat.jpg.json", operation="upscale")
    parcel = pack([spec], None, "p/")
    assert list(parcel.files) == ["p/cat.jpg"]
    assert list(parcel.specs) == ["p/cat.jpg.json"]


def test_brackets_in_a_name_are_no_pattern(folder: Path) -> None:
    """`cat[1].jpg` finds its own spec and no other."""
    (folder / "cat[1].jpg").write_bytes(b"x")
    write(folder / "cat[1].jpg.json", operation="upscale")
    write(folder / "cat1.jpg.json", operation="upscale")
    assert list(pack([folder / "cat[1].jpg"], None, "").specs) == ["cat[1].jpg.json"]


def test_an_operation_becomes_a_spec_with_its_name_as_label(folder: Path) -> None:
    """Two operations on one photo are two specs, and neither replaces the other."""
    document = {"operation": "upscale", "params": {"scale": 2}}
    parcel = pack_written([folder / "cat.jpg"], document, "p/")
    assert list(parcel.specs) == ["p/cat.jpg.upscale.json"]
    assert json.loads(parcel.specs["p/cat.jpg.upscale.json"]) == document


def test_a_bad_spec_is_refused_before_anything_is_sent(folder: Path) -> None:
    """The refusal is the one that `validate` gives."""
    parcel = pack_written([folder / "cat.jpg"], {"operation": "upscal"}, "")
    assert [found.code for found in parcel.refused] == ["unknown-operation"]
    assert parcel.specs == {}


def test_a_photo_without_a_spec_is_wrong_usage(folder: Path) -> None:
    """The message names the three ways to say what to do."""
    with pytest.raises(click.UsageError, match=r"--spec.*--operation.*cat\.jpg\.json"):
        pack([folder / "cat.jpg"], None, "")


@pytest.mark.parametrize("name", ["x.json", ".cat.jpg"])
def test_a_file_that_would_not_count_as_a_photo_is_refused(folder: Path, name: str) -> None:
    """A spec or a dotfile is no photo, and is not uploaded as one."""
    (folder / name).write_bytes(b"{}")
    with pytest.raises(click.UsageError, match=r"spec by its name|ignored"):
        pack_written([folder / name], {"operation": "upscale"}, "")


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    """One would silently replace the other in the bucket."""
    other = folder / "other"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"y")
    with pytest.raises(click.UsageError, match=r"both become 'cat\.jpg'"):
        pack_written([folder / "cat.jpg", other / "cat.jpg"], {"operation": "upscale"}, "")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("scale=2", ("scale", 2)),
        ("fast=true", ("fast", True)),
        ("prompt=a red = b", ("prompt", "a red = b")),
        ('mode="2"', ("mode", "2")),
        ("prompt=", ("prompt", "")),
    ],
)
def test_a_parameter_is_json_where_it_can_be(written: str, read: tuple[str, Any]) -> None:
    """Numbers and truth are typed as written; the rest is text."""
    assert read_param(written) == read


def test_a_name_that_is_no_text_stays_behind_and_the_others_go(folder: Path) -> None:
    """Of a folder and of files, with a spec for all, as written, and with specs beside them."""
    bad = folder / os.fsdecode(b"caf\xe9.jpg")
    bad.write_bytes(b"x")
    spec = write(folder / "any.json", operation="upscale")
    for parcel in (
        pack([folder], spec, "p/"),
        pack_written([folder], {"operation": "upscale"}, "p/"),
        pack_written([bad, folder / "cat.jpg"], {"operation": "upscale"}, "p/"),
    ):
        assert list(parcel.files) == ["p/cat.jpg"]
        assert list(parcel.specs) == ["p/cat.jpg.upscale.json"]
        assert parcel.unnamed == [bad]
    for photo in ("cat.jpg", bad.name):
        write(folder / f"{photo}.json", operation="upscale")
    beside = pack([folder], None, "p/")
    assert list(beside.specs) == ["p/cat.jpg.json"]
    assert beside.unnamed == [bad]
    alone = pack([folder / f"{bad.name}.json", folder / "cat.jpg"], None, "p/")
    assert list(alone.specs) == ["p/cat.jpg.json"]
