"""Results are copied, checked and named; what cannot be delivered says why."""

import base64
import hashlib
import json
from datetime import timedelta

import pytest

from darkroom.domain.attempt import Charged, Finished, ResultRef
from darkroom.domain.errors import Busy, DarkroomError, ResultGone
from darkroom.domain.limits import Limits
from darkroom.domain.media import Kind
from darkroom.domain.object_keys import work_key
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.task import Task
from darkroom.pipeline.deliver import ABSENT_LIMIT, deliver
from darkroom.pipeline.paid_call.saved_answer import IN_ITEM_BYTES
from darkroom.ports import Step
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, Died, PipelineHarness

GONE = ResultGone("result-gone", "The result is not at its address.")
OUT = f"{PHOTO}/{SYNC_NONE}"


def _inline(kind: Kind, body: bytes) -> ResultRef:
    return ResultRef(kind, data=base64.b64encode(body).decode())


def _answering(
    harness: PipelineHarness, *results: ResultRef, operation: str = SYNC_NONE
) -> PipelineHarness:
    harness.providers.script("submit", Finished(results, 1.5, {"box": [1, 2, 3, 4]}))
    harness.upload(PHOTO)
    harness.upload_spec(operation, provider="alpha")
    return harness


def test_deliver_copies_a_result_byte_for_byte(harness: PipelineHarness) -> None:
    """Key, content type, size and digest are those of the written object."""
    _answering(harness, _inline("image", PNG)).run()

    (result,) = harness.task.results
    (written,) = harness.outputs.versions(f"{OUT}.png")
    assert (written.body, written.content_type) == (PNG, "image/png")
    assert (result.size, result.sha256) == (len(PNG), hashlib.sha256(PNG).hexdigest())


def test_results_of_one_kind_are_numbered(harness: PipelineHarness) -> None:
    """Each kind is counted separately; a single one has no number."""
    _answering(
        harness,
        _inline("image", PNG),
        _inline("image", b"\xff\xd8\xff\xd9" + PNG),
        _inline("json", b'{"faces": 2}'),
        _inline("text", b"Zwei Katzen"),
    ).run()

    assert [r.key for r in harness.task.results] == [
        f"{OUT}-1.png",
        f"{OUT}-2.jpg",
        f"{OUT}.json",
        f"{OUT}.txt",
    ]


def test_label_names_the_results(harness: PipelineHarness) -> None:
    """Two specs with labels do not collide."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, key="photos/cat.jpg.big.json")
    harness.upload_spec(JOB_KEY, key="photos/cat.jpg.huge.json", params={"scale": 4})
    harness.run()

    assert {r.key for task in harness.tasks.all for r in task.results} == {
        f"{PHOTO}/big.png",
        f"{PHOTO}/huge.png",
    }


def test_spec_without_a_source_writes_under_its_own_name(harness: PipelineHarness) -> None:
    """There is no photo to name the result after."""
    harness.upload_spec("generate", key="posters/sunset.json", params={"prompt": "a sunset"})
    harness.run()

    assert harness.task.results[0].key == "posters/sunset.png"
    assert harness.task.manifest_key == "posters/sunset.manifest.json"


def test_name_of_another_spec_is_refused(harness: PipelineHarness) -> None:
    """A label that equals another spec's operation would overwrite its results."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.upload_spec(SYNC_NONE, key=f"photos/cat.jpg.{JOB_KEY}.json")
    harness.run()

    first, second = harness.tasks.all
    assert (first.state, second.state) == ("succeeded", "failed")
    failure = harness.manifest(second)["failure"]
    assert failure["code"] == "name-taken"
    assert "photos/cat.jpg.json" in failure["sentence"]
    assert harness.manifest(first)["status"] == "succeeded"


def test_name_of_a_deleted_spec_is_free(harness: PipelineHarness) -> None:
    """A renamed spec may use its old name."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run()
    harness.delete("photos/cat.jpg.json")
    harness.upload_spec(JOB_KEY, key=f"photos/cat.jpg.{JOB_KEY}.json")
    harness.run()

    assert harness.tasks.all[1].state == "succeeded"
    assert len(harness.outputs.versions(f"{PHOTO}/upscale.png")) == 2


def test_large_answer_is_stored_in_the_bucket_until_delivery(
    harness: PipelineHarness,
) -> None:
    """A database item has its limit; the bucket has none."""
    large = PNG + bytes(IN_ITEM_BYTES)
    _answering(harness, _inline("image", large))
    harness.step("submit", harness.task.task_id)

    work = f"_darkroom/work/{harness.task.task_id}/1"
    assert harness.task.last_attempt.answer is None
    assert harness.task.last_attempt.answer_key == work
    assert work in harness.outputs.keys
    harness.run()
    assert harness.outputs.get(f"{OUT}.png") == large
    assert harness.task.last_attempt.answer_key is None


def test_facts_too_large_for_the_item_lose_no_result(
    harness: PipelineHarness,
) -> None:
    """Too large, too small a number, a name without a letter: the paid picture is delivered."""
    odd = {"large": "x" * 500_000, "tiny": 1e-300, "nameless": {"": 1}, "box": [1, 2, 3, 4]}
    _answering(harness)
    harness.providers.forget("submit")
    harness.providers.script("submit", Finished((_inline("image", PNG),), 1.5, odd))
    harness.step("submit", harness.task.task_id)

    assert harness.task.last_attempt.facts == {"box": [1, 2, 3, 4]}
    kept = harness.outputs.get(f"_darkroom/work/{harness.task.task_id}/1")
    assert kept is not None
    assert b"nameless" in kept
    harness.run()
    assert harness.outputs.get(f"{OUT}.png") == PNG


def test_stored_large_answer_is_found_after_a_crash(harness: PipelineHarness) -> None:
    """The process died after storing it; it was paid for and is not lost."""
    _answering(harness, _inline("image", PNG + bytes(IN_ITEM_BYTES)))
    write = harness.tasks.replace

    def dies(old: Task, new: Task) -> Task:
        if new.state == "delivering":
            harness.tasks.replace = write  # type: ignore[method-assign]
            raise Died
        return write(old, new)

    harness.tasks.replace = dies  # type: ignore[method-assign]
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


def test_gone_result_makes_deliver_poll_its_job_again(harness: PipelineHarness) -> None:
    """The job is paid; its provider returns a new URL."""
    harness.providers.script("fetch", GONE)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


def test_result_that_stays_gone_fails_the_task(harness: PipelineHarness) -> None:
    """Tried for minutes at each of three URLs; the manifest says that it was paid for."""
    harness.providers.script("fetch", *[GONE] * 3 * (1 + ABSENT_LIMIT))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run()

    manifest = harness.manifest()
    assert manifest["failure"]["code"] == "result-gone"
    assert manifest["attempts"][0]["charged"] == "yes"
    assert manifest["attempts"][0]["outcome"] == "given-up"
    assert "to fetch it again" in manifest["failure"]["next_step"]
    assert len(harness.providers.charged) == 1


@pytest.mark.parametrize("charged", ["yes", "unknown"])
def test_job_gone_with_its_result_was_paid_for(harness: PipelineHarness, charged: Charged) -> None:
    """It has been done: that its provider forgets it afterwards is no failure of the job."""
    harness.providers.script("fetch", *[GONE] * 100)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider=["beta", "gamma"])
    harness.run(until=["delivering"])
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", charged)] * 9)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "result-gone"
    assert [attempt.charged for attempt in harness.task.attempts] == ["yes"]
    assert len(harness.providers.charged) == 1


def test_gone_job_that_cost_nothing_goes_to_the_next_provider(
    harness: PipelineHarness,
) -> None:
    """A provider that refunds a job leaves no result to fetch."""
    harness.providers.script("fetch", *[GONE] * (1 + ABSENT_LIMIT))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider=["beta", "gamma"])
    harness.run(until=["delivering"])
    harness.providers.script("poll", JobFailed("failed", "It was given back.", "no"))
    harness.run()

    assert harness.task.state == "succeeded"
    assert [attempt.charged for attempt in harness.task.attempts] == ["no", "yes"]


def test_gone_result_without_a_job_fails_the_task(harness: PipelineHarness) -> None:
    """There is no job to poll; its URL was tried for ten minutes."""
    harness.providers.script("fetch", *[GONE] * (1 + ABSENT_LIMIT))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    begun = harness.clock.now()
    harness.run()

    assert harness.manifest()["failure"]["code"] == "result-gone"
    assert harness.clock.now() - begun >= timedelta(minutes=10)


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
@pytest.mark.parametrize(
    "error",
    [
        GONE,
        Busy("result-not-fetched", "Not now."),
        Busy("result-packed", "It came packed as 'br'."),
        Busy("result-not-whole", "Only a part came."),
        DarkroomError("result-address-refused", "Nothing is fetched from there."),
    ],
    ids=lambda error: str(error.failure.code),
)
def test_paid_result_is_tried_for_ten_minutes_whatever_the_answer(
    harness: PipelineHarness, operation: str, error: DarkroomError
) -> None:
    """With growing waits, at the same address, and with a word about it on the task."""
    harness.providers.script("fetch", *[error] * ABSENT_LIMIT)
    harness.upload(PHOTO)
    harness.upload_spec(operation)
    harness.run(until=["delivering"])
    begun, before = harness.clock.now(), len(harness.steps)
    step = harness.step("deliver", harness.task.task_id)
    assert harness.task.wait_reason == error.failure.sentence
    harness.clock.advance(step.wait_s)
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.clock.now() - begun >= timedelta(minutes=10)
    waits = [step.wait_s for step in harness.steps[before:] if step.wait_s]
    assert waits == sorted(waits)
    assert harness.task.gone == 0
    assert len(harness.providers.sent) == 1


def test_early_try_does_not_count(
    harness: PipelineHarness,
) -> None:
    """The workflow calls a step that died again after seconds, also at the last try."""
    harness.providers.script("fetch", *[ResultGone("result-gone", "Gone.")] * 100)
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run(until=["delivering"])
    begun = harness.clock.now()
    for _ in range(ABSENT_LIMIT):
        steps = [harness.step("deliver", harness.task.task_id) for _ in range(3)]
        assert {step.next for step in steps} == {"poll"}
        assert len({step.wait_s for step in steps}) == 1
        harness.clock.advance(steps[-1].wait_s)

    assert harness.clock.now() - begun >= timedelta(minutes=10)
    assert harness.step("deliver", harness.task.task_id).next == "fail"


def test_error_page_instead_of_the_result_is_tried_again(harness: PipelineHarness) -> None:
    """A store that is down answers with a page, sometimes with status 200."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run(until=["delivering"])
    (url,) = harness.providers.results
    harness.providers.results[url] = b"<html>Back in a minute</html>"
    step = harness.step("deliver", harness.task.task_id)
    assert (step.next, harness.task.state) == ("poll", "delivering")
    harness.providers.results[url] = PNG
    harness.run()

    assert harness.task.state == "succeeded"


def test_incomplete_result_is_not_delivered(harness: PipelineHarness) -> None:
    """It is fetched again, completely."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run(until=["delivering"])
    (url,) = harness.providers.results
    harness.providers.results[url] = PNG[:-20]
    harness.step("deliver", harness.task.task_id)
    assert harness.outputs.keys == set()
    harness.providers.results[url] = PNG
    harness.run()

    assert harness.outputs.get(f"{OUT}.png") == PNG


def test_incomplete_data_in_an_answer_is_not_delivered(harness: PipelineHarness) -> None:
    """There is no URL to try again; the manifest says what is wrong."""
    _answering(harness, _inline("image", PNG[:-20])).run()

    failure = harness.manifest()["failure"]
    assert failure["code"] == "wrong-result"
    assert "a part" in failure["sentence"]
    assert "--pay-again" in failure["next_step"]


def test_incomplete_data_in_an_answer_makes_deliver_poll_again(harness: PipelineHarness) -> None:
    """The next answer has all of it."""
    part, whole = (Finished((_inline("image", body),)) for body in (PNG[:-20], PNG))
    harness.providers.script("poll", part, whole)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize("data", ["SGFsbG8", "SGFsbG8=", "SGFs\nbG8"])
def test_data_is_read_with_any_padding_and_line_breaks(harness: PipelineHarness, data: str) -> None:
    """A paid answer is not thrown away for its form."""
    _answering(harness, ResultRef("text", data=data)).run()

    assert harness.outputs.get(f"{OUT}.txt") == b"Hallo"


def test_invalid_base64_is_no_result(harness: PipelineHarness) -> None:
    """No number of bytes is encoded like this."""
    _answering(harness, ResultRef("text", data="SGFsb")).run()

    assert harness.manifest()["failure"]["code"] == "wrong-result"


def test_unavailable_result_is_fetched_again(
    harness: PipelineHarness,
) -> None:
    """The workflow calls DELIVER again."""
    harness.providers.script("fetch", Busy("result-not-fetched", "Not now."))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()

    assert harness.task.state == "succeeded"


@pytest.mark.parametrize(
    "body", [b"<html>Sorry</html>", b"", b'{"error": "oops"}', b"\x00\x00\x00\x18ftypisom" + PNG]
)
def test_result_of_the_wrong_kind_fails_the_task(harness: PipelineHarness, body: bytes) -> None:
    """An error page is no photo; no object with the result's name is written."""
    _answering(harness, _inline("image", body)).run()

    manifest = harness.manifest()
    assert manifest["failure"]["code"] == "wrong-result"
    assert manifest["attempts"][0]["charged"] == "yes"
    assert harness.outputs.keys == {f"{OUT}.manifest.json", work_key(harness.task.task_id, 1)}


def test_results_copied_before_a_useless_one_are_in_the_manifest(
    harness: PipelineHarness,
) -> None:
    """It lies in the bucket, and was paid for."""
    good, bad = (base64.b64encode(body).decode() for body in (PNG, b"<html>Sorry</html>"))
    refs = (ResultRef("image", data=good), ResultRef("image", data=bad))
    harness.providers.script("submit", Finished(refs))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "wrong-result"
    assert [result["key"] for result in harness.manifest()["results"]] == [f"{OUT}-1.png"]


def test_too_large_result_fails_the_task_with_its_own_code() -> None:
    """The limit is a setting; the sentence is about it, not about an error of ours."""
    harness = PipelineHarness(limits=Limits(result_bytes=10))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "result-too-large"
    assert sum(step.wait_s for step in harness.steps) == 0


def test_older_task_that_ends_late_moves_aside(harness: PipelineHarness) -> None:
    """Its results and its manifest have its own id in their names."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])
    harness.upload_spec(JOB_KEY, params={"scale": 4})
    old_id, new_id = (task.task_id for task in harness.tasks.all)
    harness.run()

    assert {r.key for task in harness.tasks.all for r in task.results} == {
        f"{PHOTO}/upscale.png",
        f"{PHOTO}/upscale@{old_id[:8]}.png",
    }
    newest = json.loads(harness.outputs.get(f"{PHOTO}/upscale.manifest.json") or b"")
    assert newest["task_id"] == new_id


def test_deliver_is_safe_to_repeat(harness: PipelineHarness) -> None:
    """The event has the same id, so a consumer can recognize it."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()
    assert harness.step("deliver", harness.task.task_id) == Step("done")

    first, second = harness.events.published
    assert first == second
    assert first.detail["event_id"] == f"{harness.task.task_id}-1-succeeded"


def test_event_refused_by_the_bus_is_published_by_the_next_try(
    harness: PipelineHarness,
) -> None:
    """The task has ended by then; DELIVER still publishes the event."""
    harness.events.refusals = 2
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()

    assert harness.event_kinds(harness.task.task_id) == {"Task Succeeded"}


def test_copied_results_are_not_copied_again(harness: PipelineHarness) -> None:
    """Several large ones may take more than one call of DELIVER; each is fetched once."""
    harness.upload(PHOTO)
    urls = [f"https://beta.example/{n}" for n in range(3)]
    harness.providers.results |= dict.fromkeys(urls, PNG)
    refs = tuple(ResultRef("image", url) for url in urls)
    harness.providers.script("poll", Finished(refs))
    harness.upload_spec(JOB_KEY, provider="beta")
    harness.run(until=["delivering"])
    for _ in urls[:-1]:
        # Time for one more result and for a look at it, and then no more.
        left = [0.0, 1000.0, 1000.0]
        deliver(harness.ports, harness.task.task_id, 1, left.pop)
    harness.run()

    assert harness.task.state == "succeeded"
    assert [result.key for result in harness.task.results] == [
        f"photos/cat.jpg/upscale-{n}.png" for n in (1, 2, 3)
    ]
    assert all(len(harness.outputs.versions(result.key)) == 1 for result in harness.task.results)
