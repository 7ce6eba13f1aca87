"""The demo's parts: its samples, its folder, its verdicts, its contact sheet, its exit code."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from darkroom.domain.task import Task
from infra.cli.checkout import PHOTOS
from infra.cli.commands import demo
from infra.cli.demo import image_checks as checks
from infra.cli.demo.contact_sheet import Pair, draw_contact_sheet
from infra.cli.demo.output_folder import Shelf
from infra.cli.demo.samples import SAMPLES, Sample, files_of, missing_files
from infra.cli.demo.verify import SampleResult, judge
from infra.cli.main import main
from infra.cli.offline_specs import check_spec, find_routes
from tests.cli.makes import make_photo, make_task

UPSCALE = Sample("cat.jpg", "upscale.snapapi", checks.doubled)


def test_the_samples_cover_every_provider_and_every_way() -> None:
    """The demo shows at least twelve operations: every provider, answers at once and jobs."""
    orders = [check_spec(sample.read(), sample.key).order for sample in SAMPLES]
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


def test_the_samples_have_their_files_and_keys_of_their_own() -> None:
    """Nothing that the demo needs is missing, and no two samples claim one key."""
    assert missing_files(SAMPLES) == []
    assert all((PHOTOS / name).is_file() for name in files_of(SAMPLES))
    assert len({sample.key for sample in SAMPLES}) == len(SAMPLES)


def test_a_missing_sample_file_is_named() -> None:
    """A checkout that lacks a photo or a spec is told which."""
    found = missing_files([Sample("none.jpg", "upscale.snapapi", checks.doubled)])
    assert found == [str(PHOTOS / "none.jpg")]


def test_the_shelf_clears_only_what_it_saved(tmp_path: Path) -> None:
    """A user's own file in the results' folder survives every demo."""
    own = tmp_path / "photos" / "mine.txt"
    own.parent.mkdir()
    own.write_text("mine")
    shelf = Shelf(tmp_path)
    for key in ("photos/cat.jpg/upscale.png", "sheet.png"):
        shelf.place(key).write_bytes(b"x")
    Shelf(tmp_path).clear()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert not (tmp_path / "photos" / "cat.jpg").exists()


def test_the_shelf_refuses_to_leave_its_folder(tmp_path: Path) -> None:
    """Neither a key nor a doctored list reaches a file elsewhere."""
    folder = tmp_path / "out"
    shelf = Shelf(folder)
    for key in ("../x", "/x", "a/../../x", ""):
        with pytest.raises(ValueError, match="leads out"):
            shelf.place(key)
    other = tmp_path / "x"
    other.write_text("keep")
    folder.mkdir()
    (folder / ".darkroom-demo.json").write_text(json.dumps(["../x"]))
    shelf.clear()
    assert other.exists()


def verdict_of(tmp_path: Path, task: Task | None, result: Image.Image | None) -> SampleResult:
    """Judge an upscale whose photo and result lie in `tmp_path`."""
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
    return judge(UPSCALE, task, saved, tmp_path)


def test_a_right_result_has_no_problem_and_its_credits(tmp_path: Path) -> None:
    """A doubled photo is what an upscale promises."""
    verdict = verdict_of(tmp_path, make_task(), make_photo().resize((128, 96)))
    assert verdict.problem is None
    assert verdict.credits == 6
    assert verdict.pair is not None


def test_a_result_that_is_its_source_is_a_problem(tmp_path: Path) -> None:
    """The demo fails when a provider hands the photo back."""
    assert "not twice" in (verdict_of(tmp_path, make_task(), make_photo()).problem or "")


def test_a_succeeded_task_without_its_files_is_a_problem(tmp_path: Path) -> None:
    """A state is not taken for a result."""
    assert verdict_of(tmp_path, make_task(), None).problem == "there is no result"


def test_a_failed_task_is_told_with_its_code_and_sentence(tmp_path: Path) -> None:
    """The manifest's own words say why."""
    problem = verdict_of(tmp_path, make_task(state="failed"), None).problem or ""
    assert "no-credits: SnapAPI has no credits left." in problem


def test_a_task_that_did_not_end_or_begin_is_a_problem(tmp_path: Path) -> None:
    """Running out of time is a failure with the state in it."""
    assert "running" in (verdict_of(tmp_path, make_task(state="running"), None).problem or "")
    assert verdict_of(tmp_path, None, None).problem == "it never began"


def test_the_contact_sheet_shows_every_pair_and_transparency() -> None:
    """Results stand beside their sources; what is transparent shows the checkerboard."""
    clear = Image.new("RGBA", (60, 40))
    pairs = [Pair(f"pair {n}", make_photo(), clear) for n in range(3)]
    sheet = draw_contact_sheet([*pairs, Pair("from words", None, make_photo())])
    two = draw_contact_sheet(pairs[:2])
    assert sheet.height > two.height
    assert sheet.width == two.width
    assert (225, 225, 222) in {colour for _, colour in sheet.getcolors(1 << 24) or []}


def test_an_empty_contact_sheet_is_still_a_picture() -> None:
    """When nothing came of anything there is a blank page, not an error."""
    assert draw_contact_sheet([]).height > 0


GOOD = SampleResult("cat.jpg upscale", "cat.jpg.json", "upscale", "succeeded", "snapapi", None, 6.0)
BAD = SampleResult(
    "dog.jpg edit", "dog.jpg.json", "edit", "succeeded", "snapapi", "it is like its source"
)


@pytest.mark.parametrize(("verdicts", "code"), [([GOOD, GOOD], 0), ([GOOD, BAD], 1)])
@pytest.mark.parametrize("as_json", [False, True])
def test_the_demo_fails_when_one_result_is_wrong_and_says_which(
    monkeypatch: pytest.MonkeyPatch, verdicts: list[SampleResult], code: int, *, as_json: bool
) -> None:
    """The exit code and the words agree, for people and for programs."""
    monkeypatch.setattr(demo, "starting", lambda **_: nullcontext())
    monkeypatch.setattr(demo, "run", lambda *_: verdicts)
    said = CliRunner().invoke(main, ["demo", *(["--json"] if as_json else [])])
    assert said.exit_code == code, said.output
    if as_json:
        assert json.loads(said.stdout)["ok"] is (code == 0)
    else:
        assert f"{2 - code} of 2 as they should be" in said.stdout
        assert ("dog.jpg edit: it is like its source" in said.stderr) is (code == 1)
