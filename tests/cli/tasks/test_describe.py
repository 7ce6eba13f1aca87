"""A task as text and as JSON."""

from darkroom.domain.quality import Quality
from darkroom.domain.task import Result
from darkroom.domain.turns import Place
from infra.cli.tasks.describe import task_as_dict, task_lines
from infra.cli.tasks.places import PlaceInLine
from tests.cli.factories import START, make_attempt, make_task


def test_a_description_holds_no_request_and_no_signed_url() -> None:
    """The request of an open attempt stays in the store."""
    secret = make_attempt(outcome="open", request='{"url": "https://signed"}', job_id="job-7")
    task = make_task(state="submitting", attempts=(secret,))
    description = f"{task_as_dict(task)} {task_lines(task)}"
    assert "signed" not in description
    assert "job-7" in description


def test_a_failed_task_is_described_with_its_reason_and_next_step() -> None:
    """The last lines say what to do."""
    lines = task_lines(make_task(state="failed"))
    assert lines[-2].endswith("SnapAPI has no credits left. (no-credits)")
    assert lines[-1] == "next       Buy some."


def test_a_doubtful_result_is_described_with_what_to_do() -> None:
    """As lines for people, as objects for programs."""
    quality = Quality(flat=True, warnings=("flat-result",))
    result = Result("cat.jpg/edit.png", "image", "image/png", 9, "0" * 64, quality)
    task = make_task(state="succeeded", results=(result,))
    lines = task_lines(task)
    assert "warning    cat.jpg/edit.png has one single colour. (flat-result)" in lines
    assert any(line.startswith("next       Look at the source") for line in lines)
    (warning,) = task_as_dict(task)["warnings"]
    assert (warning["code"], warning["result"]) == ("flat-result", "cat.jpg/edit.png")


def test_a_task_in_line_is_described_with_its_place() -> None:
    """As a sentence for people, as numbers for programs; a pause has no expected end."""
    task = make_task(state="queued", place=Place("apiframe", START))
    fields = ("wait_reason", "place_in_line", "expected_wait_s")
    for place, waiting, values in (
        (
            PlaceInLine("apiframe", 3, 39.5),
            "3rd in line at apiframe, about 40 s",
            ("waits for its turn at apiframe", 3, 39.5),
        ),
        (
            PlaceInLine("apiframe", 3, pause="apiframe is paused: No credits."),
            "apiframe is paused: No credits.",
            ("apiframe is paused: No credits.", 3, None),
        ),
        (None, "waits for its turn at apiframe", ("waits for its turn at apiframe", None, None)),
    ):
        assert f"waiting    {waiting}" in task_lines(task, place)
        assert tuple(task_as_dict(task, place)[name] for name in fields) == values
    ended = task_as_dict(make_task())
    assert [ended[name] for name in fields] == [None, None, None]
