"""What `put` packs: photos, the files that specs name, and the specs under the right keys."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from infra.cli.parcel import pack, pack_written
from infra.cli.put import read_param


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
    assert sorted(parcel.specs) == ["p/cat.jpg.json", "p/dog.png.json"]
    assert parcel.missing == []


def test_a_labelled_spec_keeps_its_label(folder: Path) -> None:
    """`cat.jpg.thumb.json` stays `thumb` for another photo."""
    (folder / "dog.png").write_bytes(b"x")
    spec = write(folder / "cat.jpg.thumb.json", operation="upscale")
    assert list(pack([folder / "dog.png"], spec, "").specs) == ["dog.png.thumb.json"]


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
