"""The demo: its samples, output folder, verification, contact sheet and exit code."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from darkroom.domain.folder_default import read_default
from darkroom.domain.task import Task
from infra.cli.checkout import PHOTOS
from infra.cli.commands import demo
from infra.cli.demo import image_checks as checks
from infra.cli.demo.contact_sheet import Pair, draw_contact_sheet
from infra.cli.demo.output_folder import OutputFolder
from infra.cli.demo.samples import (
    SAMPLES,
    SHOP_DEFAULT,
    SHOP_SAMPLES,
    SPEC_SAMPLES,
    Sample,
    files_of,
    missing_files,
)
from infra.cli.demo.verify import SampleResult, verify
from infra.cli.main import main
from infra.cli.offline_specs import check_spec, find_routes
from tests.cli.factories import make_photo, make_task

UPSCALE = Sample("cat.jpg", "upscale.snapapi", checks.doubled)


def test_the_samples_cover_every_provider() -> None:
    """At least twelve operations, synchronous and asynchronous, with and without a photo."""
    orders = [check_spec(sample.read(), sample.key).order for sample in SPEC_SAMPLES]
    chosen = [
        next(
            route
            for route in find_routes()
            if order
            and route.operation == order.operation
            and route.provider == order.providers[0]
            and route.model == order.choices[0].model
        )
        for order in orders
    ]
    assert len({route.operation for route in chosen}) >= 12
    assert {route.provider for route in chosen} == {route.provider for route in find_routes()}
    assert {route.asynchronous for route in chosen} == {True, False}
    assert any(not route.roles for route in chosen)


def test_the_samples_have_all_files_and_different_keys() -> None:
    """No file is missing, and no two samples have the same key."""
    assert missing_files(SAMPLES) == []
    assert all((PHOTOS / name).is_file() for name in files_of(SAMPLES))
    assert len({sample.key for sample in SAMPLES}) == len(SAMPLES)


def test_the_demo_begins_with_photos_whose_folder_default_does_what_is_checked() -> None:
    """Their names in the results' folder differ."""
    default = read_default(SHOP_DEFAULT.read_bytes(), "shop/_darkroom.json", "v1")
    assert list(SAMPLES[: len(SHOP_SAMPLES)]) == list(SHOP_SAMPLES)
    assert {sample.operation for sample in SHOP_SAMPLES} == {default.fields["operation"]}
    assert default.fields["output"]["name"] == "{stem}"
    assert len({Path(str(sample.photo)).stem for sample in SHOP_SAMPLES}) == len(SHOP_SAMPLES)


def test_a_missing_sample_file_is_named() -> None:
    """The demo can say which photo or spec the checkout lacks."""
    missing = missing_files([Sample("none.jpg", "upscale.snapapi", checks.doubled)])
    assert missing == [str(PHOTOS / "none.jpg")]


def test_the_output_folder_removes_only_its_own_files(tmp_path: Path) -> None:
    """A user's file in it survives every demo."""
    own = tmp_path / "photos" / "mine.txt"
    own.parent.mkdir()
    own.write_text("mine")
    folder = OutputFolder(tmp_path)
    for key in ("photos/cat.jpg/upscale.png", "sheet.png"):
        folder.add(key).write_bytes(b"x")
    OutputFolder(tmp_path).clear()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert not (tmp_path / "photos" / "cat.jpg").exists()


def test_the_output_folder_refuses_keys_that_lead_out(tmp_path: Path) -> None:
    """Neither a key nor a manipulated list reaches a file elsewhere."""
    out = tmp_path / "out"
    folder = OutputFolder(out)
    for key in ("../x", "/x", "a/../../x", ""):
        with pytest.raises(ValueError, match="is not a file name below"):
            folder.add(key)
    other = tmp_path / "x"
    other.write_text("keep")
    out.mkdir()
    (out / ".darkroom-demo.json").write_text(json.dumps(["../x"]))
    folder.clear()
    assert other.exists()


def verify_upscale(tmp_path: Path, task: Task | None, result: Image.Image | None) -> SampleResult:
    """Verify an upscale whose photo and result are saved in `tmp_path`."""
    make_photo().save(tmp_path / "cat.jpg")
    manifest: dict[str, Any] = {"provider": "snapapi", "cost": {"credits": 6}}
    if task and task.ending:
        failure = task.ending.failure
        manifest["failure"] = {"code": failure.code, "sentence": failure.sentence}
    saved = {}
    if task and task.finished:
        saved[task.manifest_key] = tmp_path / "m.json"
        saved[task.manifest_key].write_text(json.dumps(manifest))
    if task and result:
        saved[task.results[0].key] = tmp_path / "r.png"
        result.save(tmp_path / "r.png")
    return verify(UPSCALE, task, saved, tmp_path)


def test_a_right_result_has_no_problem_and_its_credits(tmp_path: Path) -> None:
    """An upscale doubles the photo."""
    outcome = verify_upscale(tmp_path, make_task(), make_photo().resize((128, 96)))
    assert outcome.problem is None
    assert outcome.credits == 6
    assert outcome.pair is not None


def test_an_unchanged_photo_is_a_problem(tmp_path: Path) -> None:
    """The demo fails if a provider returns the photo unchanged."""
    assert "not twice" in (verify_upscale(tmp_path, make_task(), make_photo()).problem or "")


def test_a_succeeded_task_without_its_files_is_a_problem(tmp_path: Path) -> None:
    """The state alone proves nothing."""
    assert verify_upscale(tmp_path, make_task(), None).problem == "there is no result"


def test_a_failed_task_is_a_problem_with_its_code_and_sentence(tmp_path: Path) -> None:
    """They come from the manifest."""
    problem = verify_upscale(tmp_path, make_task(state="failed"), None).problem or ""
    assert "no-credits: SnapAPI has no credits left." in problem


def test_a_task_that_timed_out_or_never_started_is_a_problem(tmp_path: Path) -> None:
    """The problem of a time-out names the state."""
    assert "running" in (verify_upscale(tmp_path, make_task(state="running"), None).problem or "")
    assert verify_upscale(tmp_path, None, None).problem == "it never started"


def test_the_contact_sheet_shows_all_pairs_and_transparency() -> None:
    """It grows with the pairs; transparent parts show the checkerboard."""
    clear = Image.new("RGBA", (60, 40))
    pairs = [Pair(f"pair {n}", make_photo(), clear) for n in range(3)]
    sheet = draw_contact_sheet([*pairs, Pair("from words", None, make_photo())])
    two = draw_contact_sheet(pairs[:2])
    assert sheet.height > two.height
    assert sheet.width == two.width
    assert (225, 225, 222) in {colour for _, colour in sheet.getcolors(1 << 24) or []}


def test_an_empty_contact_sheet_is_an_image() -> None:
    """Without any result there is a blank page, not an error."""
    assert draw_contact_sheet([]).height > 0


GOOD = SampleResult("cat.jpg upscale", "cat.jpg.json", "upscale", "succeeded", "snapapi", None, 6.0)
BAD = SampleResult(
    "dog.jpg edit", "dog.jpg.json", "edit", "succeeded", "snapapi", "it is the same as its source"
)


@pytest.mark.parametrize(("results", "code"), [([GOOD, GOOD], 0), ([GOOD, BAD], 1)])
@pytest.mark.parametrize("as_json", [False, True])
def test_the_demo_fails_if_one_result_is_wrong_and_names_it(
    monkeypatch: pytest.MonkeyPatch, results: list[SampleResult], code: int, *, as_json: bool
) -> None:
    """Exit code and output agree, as text and as JSON."""
    monkeypatch.setattr(demo, "local_environment", lambda **_: nullcontext())
    monkeypatch.setattr(demo, "run", lambda *_: results)
    result = CliRunner().invoke(main, ["demo", *(["--json"] if as_json else [])])
    assert result.exit_code == code, result.output
    if as_json:
        assert json.loads(result.stdout)["ok"] is (code == 0)
    else:
        assert f"{2 - code} of 2 passed" in result.stdout
        assert ("dog.jpg edit: it is the same as its source" in result.stderr) is (code == 1)
