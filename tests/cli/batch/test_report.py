"""The report of a batch: its sums, its order, and that nothing in it is run or loaded."""

import csv
import html
import io
import re
from dataclasses import replace
from pathlib import Path

from PIL import Image

from darkroom.domain.order import Input, Order
from darkroom.domain.quality import WARNINGS, Quality
from darkroom.domain.task import Result, Task
from infra.cli.batch.report_csv import build_csv
from infra.cli.batch.report_data import build_report, build_row
from infra.cli.batch.report_html import build_html
from infra.cli.batch.thumbnails import SIDE, shrink
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import CHOICES, make_attempt, make_photo, make_task
from tests.fakes.moto_aws import INPUT, OUTPUT

EVIL = "<script>alert(1)</script>\x1b[2J"


def task_of(number: int, state: str = "succeeded", sku: str = "A", **changes: object) -> Task:
    """A task with metadata."""
    order = Order("upscale", CHOICES, metadata={"sku": sku})
    key = f"a/{number}.jpg.json"
    made: Task = make_task(f"{number:032x}", state, key, order=order, **changes)  # type: ignore[arg-type]
    return made


def png(width: int, height: int, *, mode: str = "RGB") -> bytes:
    """A picture."""
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


def test_sums_are_by_provider_and_by_each_metadata_field() -> None:
    """A task that has called two providers counts for both, with what each has cost."""
    refused = make_attempt(outcome="failed", charged="yes", credits=2.0)
    second = make_attempt(number=2, provider="apiframe", credits=3.0)
    rows = [
        build_row(task_of(1, sku="A")),
        build_row(task_of(2, sku="B", attempts=(refused, second))),
        build_row(task_of(3, "failed", sku="B", attempts=(refused,))),
    ]
    report = build_report("a/", rows)
    assert (report.total.tasks, report.total.succeeded, report.total.credits) == (3, 2, 13)
    providers = report.sums["provider"]
    assert {name: (each.tasks, each.credits) for name, each in providers.items()} == {
        "snapapi": (3, 10),
        "apiframe": (1, 3),
    }
    by_sku = report.sums["metadata sku"]
    assert {name: (each.tasks, each.credits) for name, each in by_sku.items()} == {
        "A": (1, 6),
        "B": (2, 7),
    }
    assert [row.charged_for_nothing for row in report.rows].count(True) == 1
    assert "Failed, but charged" in build_html(report, {})


def test_suspicious_results_come_first_and_then_failures() -> None:
    """As the warnings of the results say; without any, nothing is suspicious."""
    white = Quality(flat=True, size_ratio=2.0, warnings=("flat-result",))
    (result,) = make_task().results
    flat = task_of(3, results=(replace(result, quality=white),))
    rows = [build_row(task_of(1)), build_row(task_of(2, "failed")), build_row(flat)]
    report = build_report("a/", rows)
    assert [row.key for row in report.rows] == ["a/3.jpg.json", "a/2.jpg.json", "a/1.jpg.json"]
    page = build_html(report, {})
    assert "1 results with warnings" in page
    assert html.escape(WARNINGS["flat-result"].sentence) in page
    assert "flat True, size_ratio 2.0" in page
    several = replace(flat, results=flat.results * 2)
    assert set(build_row(several).quality.figures) == {
        f"{name}-{number}" for name in ("flat", "size_ratio") for number in (1, 2)
    }


def test_page_runs_and_loads_nothing() -> None:
    """Names, metadata and reasons are whatever somebody has uploaded."""
    task = task_of(1, "failed", sku=EVIL)
    failure = replace(task.ending.failure, sentence=EVIL, code=EVIL) if task.ending else None
    assert failure
    assert task.ending
    task = replace(
        task,
        trigger=replace(task.trigger, key=f"{EVIL}.json"),
        ending=replace(task.ending, failure=failure),
    )
    report = build_report(EVIL, [build_row(task)])
    page = build_html(report, {task.task_id: (f'x"{EVIL}', None)})
    assert "<script" not in page
    assert "\x1b" not in page
    assert not re.findall(r'(?:src|href)="(?!x&quot;)(?!data:)', page)
    assert "default-src 'none'" in page


def test_csv_has_a_column_for_each_metadata_field() -> None:
    """And no cell that a spreadsheet would run."""
    rows = [build_row(task_of(1, sku="=1+1")), build_row(task_of(2, "failed", sku="B\n"))]
    table = list(csv.DictReader(io.StringIO(build_csv(build_report("a/", rows)))))
    assert [row["metadata.sku"] for row in table] == ["B\\n", "'=1+1"]
    assert [row["credits"] for row in table] == ["0", "6.0"]
    assert table[0]["code"] == "no-credits"


def test_thumbnails_are_small_whatever_they_are_made_of() -> None:
    """Large, transparent or wide pictures; anything else has none."""
    for body in (png(4000, 30), png(30, 40, mode="RGBA"), png(1, 1, mode="I;16")):
        uri = shrink(body)
        assert uri
        assert len(uri) < 20_000
    for body in (b"", b"GIF89a", png(9, 9)[:40], b"x" * 1000):
        assert shrink(body) is None
    assert SIDE == 160


def test_report_writes_page_and_csv(env: MotoEnvironment, tmp_path: Path) -> None:
    """With pictures of source and result, as many as were asked for."""
    photo = io.BytesIO()
    make_photo().save(photo, "PNG")
    for number in range(3):
        source, key = f"a/{number}.png", f"a/{number}.png/upscale.png"
        put = env.target.s3.put_object(Bucket=INPUT, Key=source, Body=photo.getvalue())
        env.target.s3.put_object(Bucket=OUTPUT, Key=key, Body=photo.getvalue())
        file = Input(source, put["VersionId"], "e", len(photo.getvalue()))
        white = Quality(flat=True, warnings=("flat-result",))
        env.add_task(
            f"a/{number}.png.json",
            "succeeded",
            attempts=(make_attempt(),),
            order=Order("upscale", CHOICES, inputs={"image": (file,)}),
            results=(Result(key, "image", "image/png", 99, "ab", quality=white),),
        )
    result = env.run("report", "a/", "--out", str(tmp_path), "--thumbnails", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        str(tmp_path / name) for name in ("report.html", "report.csv")
    ]
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 4
    assert f"a/2.png/upscale.png {html.escape(WARNINGS['flat-result'].sentence)}" in page
    assert len((tmp_path / "report.csv").read_text().splitlines()) == 4
    assert env.run("report", "none/", "--out", str(tmp_path)).exit_code == 1
