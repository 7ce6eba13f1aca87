"""What `put` uploads: photos, the files that specs name, and the specs under the right keys."""

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest

from infra.cli.files.build_spec import parse_param
from infra.cli.files.make_plan import plan_operation, plan_upload
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


def test_a_spec_for_all_is_uploaded_beside_each_photo(folder: Path) -> None:
    """Every photo gets its own copy of the file that `--spec` names."""
    (folder / "dog.png").write_bytes(b"x")
    spec = write(folder / "any.json", operation="upscale")
    plan = plan_upload([folder / "cat.jpg", folder / "dog.png"], spec, "p/")
    assert sorted(plan.files) == ["p/cat.jpg", "p/dog.png"]
    assert sorted(plan.specs) == ["p/cat.jpg.upscale.json", "p/dog.png.upscale.json"]
    assert plan.missing == []


def test_a_labelled_spec_keeps_its_label(folder: Path) -> None:
    """`cat.jpg.thumb.json` is labelled `thumb` for another photo too."""
    (folder / "dog.png").write_bytes(b"x")
    spec = write(folder / "cat.jpg.thumb.json", operation="upscale")
    assert list(plan_upload([folder / "dog.png"], spec, "").specs) == ["dog.png.thumb.json"]


def test_two_specs_for_one_photo_do_not_replace_each_other(folder: Path) -> None:
    """A spec for all is labelled with its operation, unless there is `--label`."""
    up = write(folder / "a.json", operation="upscale")
    cut = write(folder / "b.json", operation="remove-background")
    photo = [folder / "cat.jpg"]
    assert list(plan_upload(photo, up, "").specs) == ["cat.jpg.upscale.json"]
    assert list(plan_upload(photo, cut, "").specs) == ["cat.jpg.remove-background.json"]
    assert list(plan_upload(photo, up, "", "big").specs) == ["cat.jpg.big.json"]
    assert list(plan_operation(photo, {"operation": "upscale"}, "", "big").specs) == [
        "cat.jpg.big.json"
    ]


def test_a_broken_spec_for_all_is_refused_with_its_own_reason(folder: Path) -> None:
    """A spec that cannot be parsed has no operation for a label."""
    for body in ("{", "[]", '{"operation": 1}'):
        (folder / "s.json").write_text(body)
        assert len(plan_upload([folder / "cat.jpg"], folder / "s.json", "").refused) == 1


def test_a_wrong_parameter_is_reported_as_an_option(folder: Path) -> None:
    """A user of `--param` has no spec to correct."""
    document = {"operation": "upscale", "provider": "snapapi", "params": {"scall": 2}}
    (found,) = plan_operation([folder / "cat.jpg"], document, "").refused
    assert found.message.startswith("--param NAME=...: ")


def test_a_spec_beside_its_photo_may_have_an_extension_in_any_case(folder: Path) -> None:
    """`cat.jpg.Json` is a spec in the bucket too."""
    write(folder / "cat.jpg.Json", operation="upscale")
    assert list(plan_upload([folder / "cat.jpg"], None, "").specs) == ["cat.jpg.Json"]


def test_a_folder_stands_for_its_photos(folder: Path) -> None:
    """Masks and other files are left out; without a spec for all also photos that have none."""
    for name in ("dog.PNG", "README.md", ".hidden.jpg"):
        (folder / name).write_bytes(b"x")
    plan = plan_operation([folder], {"operation": "upscale"}, "")
    assert sorted(plan.files) == ["cat.jpg", "dog.PNG"]
    with pytest.raises(click.UsageError, match="no photos with specs"):
        plan_upload([folder], None, "")
    write(folder / "cat.jpg.json", operation="upscale")
    assert list(plan_upload([folder], None, "").files) == ["cat.jpg"]
    (folder / "empty").mkdir()
    with pytest.raises(click.UsageError, match="no photos in"):
        plan_upload([folder / "empty"], folder / "cat.jpg.json", "")


def test_an_unsupported_format_is_refused_with_the_supported_ones(folder: Path) -> None:
    """The message says what to do."""
    for name in ("x.cr2", "README.md", "noextension"):
        (folder / name).write_bytes(b"x")
        with pytest.raises(click.UsageError, match=r"not in a supported format; export .*jpg"):
            plan_operation([folder / name], {"operation": "upscale"}, "")


def test_the_reserved_name_is_refused(folder: Path) -> None:
    """By `put`, and by the check of specs."""
    path = write(folder / "_darkroom.json", operation="upscale")
    with pytest.raises(click.UsageError, match="this name is reserved"):
        plan_upload([path], None, "")
    assert "is a folder default and no spec" in check_spec(path.read_bytes(), str(path)).message


def test_files_that_a_spec_names_are_uploaded(folder: Path) -> None:
    """A mask beside the photo gets the key that the spec names."""
    (folder / "elsewhere").mkdir()
    spec = write(
        folder / "elsewhere" / "s.json", operation="remove-objects", inputs={"mask": "cat.mask.png"}
    )
    plan = plan_upload([folder / "cat.jpg"], spec, "p/")
    assert plan.files["p/cat.mask.png"] == folder / "cat.mask.png"
    assert plan.missing == []


def test_a_file_that_is_not_on_the_disk_is_listed_as_missing(folder: Path) -> None:
    """It may be in the bucket already; else the task waits for it."""
    spec = write(folder / "s.json", operation="remove-objects", inputs={"mask": "/masks/m.png"})
    assert plan_upload([folder / "cat.jpg"], spec, "p/").missing == ["masks/m.png"]


def test_a_photo_is_uploaded_with_the_specs_beside_it(folder: Path) -> None:
    """Only specs whose names say that they are for this photo."""
    write(folder / "cat.jpg.json", operation="upscale")
    write(folder / "cat.jpg.cut.json", operation="remove-background")
    write(folder / "cat.jpg2.json", operation="upscale")
    plan = plan_upload([folder / "cat.jpg"], None, "p/")
    assert sorted(plan.specs) == ["p/cat.jpg.cut.json", "p/cat.jpg.json"]


def test_a_spec_is_uploaded_with_its_photo(folder: Path) -> None:
    """A spec that is named alone brings the files that it needs."""
    spec = write(folder / "cat.jpg.json", operation="upscale")
    plan = plan_upload([spec], None, "p/")
    assert list(plan.files) == ["p/cat.jpg"]
    assert list(plan.specs) == ["p/cat.jpg.json"]


def test_brackets_in_a_name_are_not_a_pattern(folder: Path) -> None:
    """`cat[1].jpg` finds its own spec and no other."""
    (folder / "cat[1].jpg").write_bytes(b"x")
    write(folder / "cat[1].jpg.json", operation="upscale")
    write(folder / "cat1.jpg.json", operation="upscale")
    assert list(plan_upload([folder / "cat[1].jpg"], None, "").specs) == ["cat[1].jpg.json"]


def test_an_operation_becomes_a_spec_labelled_with_it(folder: Path) -> None:
    """So two operations on one photo are two specs."""
    document = {"operation": "upscale", "params": {"scale": 2}}
    plan = plan_operation([folder / "cat.jpg"], document, "p/")
    assert list(plan.specs) == ["p/cat.jpg.upscale.json"]
    assert json.loads(plan.specs["p/cat.jpg.upscale.json"]) == document


def test_a_wrong_spec_is_refused(folder: Path) -> None:
    """The reason is the same as that of `validate`."""
    plan = plan_operation([folder / "cat.jpg"], {"operation": "upscal"}, "")
    assert [found.code for found in plan.refused] == ["unknown-operation"]
    assert plan.specs == {}


def test_a_photo_without_a_spec_is_wrong_usage(folder: Path) -> None:
    """The message names the three ways to give one."""
    with pytest.raises(click.UsageError, match=r"--spec.*--operation.*cat\.jpg\.json"):
        plan_upload([folder / "cat.jpg"], None, "")


def test_a_file_that_is_not_a_photo_by_its_name_is_refused(folder: Path) -> None:
    """A spec or a dotfile is not uploaded as a photo."""
    for name, reason in (("x.json", "spec by its name"), (".cat.jpg", "ignored")):
        (folder / name).write_bytes(b"{}")
        with pytest.raises(click.UsageError, match=reason):
            plan_operation([folder / name], {"operation": "upscale"}, "")


def test_two_files_with_one_key_are_refused(folder: Path) -> None:
    """One would replace the other in the bucket."""
    other = folder / "other"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"y")
    with pytest.raises(click.UsageError, match=r"both become 'cat\.jpg'"):
        plan_operation([folder / "cat.jpg", other / "cat.jpg"], {"operation": "upscale"}, "")


def test_a_parameter_is_json_where_it_can_be() -> None:
    """Numbers and booleans keep their types; the rest is text."""
    for text, param in {
        "scale=2": ("scale", 2),
        "fast=true": ("fast", True),
        "prompt=a red = b": ("prompt", "a red = b"),
        'mode="2"': ("mode", "2"),
        "prompt=": ("prompt", ""),
    }.items():
        assert parse_param(text) == param


def test_a_name_that_is_not_utf8_is_left_out(folder: Path) -> None:
    """The other files are uploaded: from a folder or not, and with every kind of spec."""
    bad = folder / os.fsdecode(b"caf\xe9.jpg")
    bad.write_bytes(b"x")
    spec = write(folder / "any.json", operation="upscale")
    for plan in (
        plan_upload([folder], spec, "p/"),
        plan_operation([folder], {"operation": "upscale"}, "p/"),
        plan_operation([bad, folder / "cat.jpg"], {"operation": "upscale"}, "p/"),
    ):
        assert list(plan.files) == ["p/cat.jpg"]
        assert list(plan.specs) == ["p/cat.jpg.upscale.json"]
        assert plan.unnamed == [bad]
    for photo in ("cat.jpg", bad.name):
        write(folder / f"{photo}.json", operation="upscale")
    beside = plan_upload([folder], None, "p/")
    assert list(beside.specs) == ["p/cat.jpg.json"]
    assert beside.unnamed == [bad]
    alone = plan_upload([folder / f"{bad.name}.json", folder / "cat.jpg"], None, "p/")
    assert list(alone.specs) == ["p/cat.jpg.json"]
