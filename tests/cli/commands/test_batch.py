"""`darkroom batch`: what it prints without a terminal, and its exit codes."""

import json
from pathlib import Path

import pytest

from darkroom.aws.dynamodb_items import account_key
from darkroom.domain.quality import Quality
from darkroom.domain.task import Result
from infra.cli.batch import watch
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_attempt
from tests.fakes.moto_aws import table


def test_batch_ends_when_everything_below_has_ended(env: MotoEnvironment) -> None:
    """With 0 if all of it worked; a name without a task is an error."""
    for number in range(3):
        env.add_task(f"a/{number}.jpg.json", "succeeded", attempts=(make_attempt(),))
    env.add_task("b/1.jpg.json", "queued")
    result = env.run("batch", "a/")
    assert result.exit_code == 0, result.output
    assert result.stdout == "3 of 3 ended: 3 done; spent 18 snapapi credits ($0.009)\n"
    assert "cost: 18 snapapi credits" in result.stderr
    result = env.run("batch", "none/")
    assert (result.exit_code, "no task found for 'none/'" in result.stderr) == (1, True)


def test_batch_and_status_say_what_a_declared_batch_waits_for(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """`put --expect` declares it; Darkroom announces its end."""
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(b"meow")
    result = env.run("put", str(photo), "--operation", "upscale", "--prefix", "a", "--expect", "3")
    assert result.exit_code == 0, result.output
    for number in range(2):
        env.add_task(f"a/{number}.jpg.json", "succeeded", attempts=(make_attempt(),))
    result = env.run("status", "a/")
    assert "batch: 2 of 3 expected" in result.stderr
    result = env.run("batch", "a", "--state", "succeeded")
    assert "batch: 2 of 3 expected" in result.stderr


def test_batch_and_report_say_what_is_left_of_budgets(env: MotoEnvironment, tmp_path: Path) -> None:
    """Of the folder that all tasks are in, and of those above it."""
    default = {"operation": "upscale", "budget": {"credits": 500, "usd": 2, "per": "ever"}}
    env.target.s3.put_object(
        Bucket=env.target.input_bucket, Key="a/_darkroom.json", Body=json.dumps(default).encode()
    )
    env.add_task("a/b/1.jpg.json", "succeeded", attempts=(make_attempt(),))
    account = account_key(json.dumps(["a/_darkroom.json", "credits", "snapapi", ""]))
    table().put_item(Item={**account, "held": 18_500_000})
    credits_ = (
        "the budget of a/_darkroom.json of 500 credits at snapapi: 18.5 spent or reserved, "
        "481.5 left"
    )
    dollars = "the budget of a/_darkroom.json of $2.00: 0 spent or reserved, $2.00 left"
    said = env.run("batch", "a/").stderr
    assert credits_ in said
    assert dollars in said
    assert env.run("report", "a/", "--out", str(tmp_path)).exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert f"<p>{credits_}</p>" in page
    assert "spent: 6 credits, $0.00" in page


def test_batch_exits_with_1_after_a_failure_or_a_timeout(env: MotoEnvironment) -> None:
    """A failure has its line; after a timeout it says how to go on."""
    env.add_task("a/1.jpg.json", "failed")
    result = env.run("batch", "a/")
    assert result.exit_code == 1
    assert "failed: a/1.jpg: SnapAPI has no credits left. (no-credits)" in result.stdout
    env.add_task("a/2.jpg.json", "queued")
    result = env.run("batch", "a/", "--timeout", "0")
    assert result.exit_code == 1
    assert "1 of 2 ended: 1 waiting, 1 failed" in result.stdout
    assert "`darkroom batch a/ --env dev` follows it" in result.stderr


def test_batch_waits_for_specs_that_were_not_read_yet(env: MotoEnvironment) -> None:
    """They are tasks of the batch too."""
    env.add_task("a/1.jpg.json", "succeeded")
    env.target.s3.put_object(Bucket=env.target.input_bucket, Key="a/2.jpg.json", Body=b"{}")
    result = env.run("batch", "a/", "--timeout", "0")
    assert result.exit_code == 1
    assert "1 of 2 ended: 1 done, 1 uploaded, not read yet" in result.stdout


def test_batch_counts_photos_that_settle_under_a_folder_default(env: MotoEnvironment) -> None:
    """Before the first of them has a task, too; `status` names them."""
    for key, body in {
        "a/_darkroom.json": b'{"operation": "upscale", "settle_s": 60}',
        "a/1.jpg": b"1",
        "a/2.jpg": b"2",
        "a/2.mask.png": b"left alone",
    }.items():
        env.target.s3.put_object(Bucket=env.target.input_bucket, Key=key, Body=body)
    result = env.run("batch", "a/", "--timeout", "0")
    assert result.exit_code == 1
    assert result.stdout == "0 of 2 ended: 2 settling\n"
    assert "a/1.jpg: settling: waits for a spec of its own" in env.run("status", "a/").stderr
    env.add_task("a/1.jpg.json", "succeeded")
    result = env.run("batch", "a/", "--timeout", "0")
    assert result.stdout == "1 of 2 ended: 1 done, 1 settling; spent 6 snapapi credits ($0.003)\n"


def test_warnings_are_shown_in_batch_and_status(env: MotoEnvironment) -> None:
    """Counted below a folder, named beside each result, and in JSON with what to do."""
    quality = Quality(flat=True, warnings=("flat-result",))
    result = Result("a/1.jpg/upscale.png", "image", "image/png", 1, "ab", quality)
    env.add_task("a/1.jpg.json", "succeeded", results=(result,))
    env.add_task("a/2.jpg.json", "succeeded")
    said = env.run("batch", "a/")
    ended = "2 of 2 ended: 2 done, 1 with a warning (1 flat-result)"
    assert said.stdout == f"{ended}; spent 12 snapapi credits ($0.006)\n"
    said = env.run("status", "a/")
    assert "a/1.jpg/upscale.png (warning: flat-result)" in said.stdout
    assert "2 tasks: 2 done, 1 with a warning (1 flat-result); cost" in said.stderr
    tasks = json.loads(env.run("status", "a/", "--json").stdout)
    assert [[each["code"] for each in task["warnings"]] for task in tasks] in (
        [["flat-result"], []],
        [[], ["flat-result"]],
    )


def test_ctrl_c_says_what_goes_on_and_how_to_come_back(
    env: MotoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the commands to follow, fetch and stop it."""

    def interrupt(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "watch", interrupt)
    env.add_task("a b/1.jpg.json", "queued")
    result = env.run("batch", "a b/")
    assert result.exit_code == 130
    for command in ("batch", "get", "cancel"):
        assert f"`darkroom {command} 'a b/'" in result.stderr
