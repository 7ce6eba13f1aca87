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
from tests.pipeline.harness import PHOTO, Died, Studio

GONE = ResultGone("result-gone", "The result is not at its address.")
OUT = f"{PHOTO}/{SYNC_NONE}"


def _inline(kind: Kind, body: bytes) -> ResultRef:
    return ResultRef(kind, data=base64.b64encode(body).decode())


def _answering(studio: Studio, *results: ResultRef, operation: str = SYNC_NONE) -> Studio:
    studio.providers.say("submit", Finished(results, 1.5, {"box": [1, 2, 3, 4]}))
    studio.drop(PHOTO)
    studio.ask(operation, provider="alpha")
    return studio


def test_a_result_is_copied_byte_for_byte(studio: Studio) -> None:
    """Key, content type, size and digest are those of what was written."""
    _answering(studio, _inline("image", PNG)).run()

    (result,) = studio.task.results
    (written,) = studio.outputs.versions(f"{OUT}.png")
    assert (written.body, written.content_type) == (PNG, "image/png")
    assert (result.size, result.sha256) == (len(PNG), hashlib.sha256(PNG).hexdigest())


def test_several_results_of_a_kind_are_numbered(studio: Studio) -> None:
    """Each kind counts for itself; one of a kind has no number."""
    _answering(
        studio,
        _inline("image", PNG),
        _inline("image", b"\xff\xd8\xff\xd9" + PNG),
        _inline("json", b'{"faces": 2}'),
        _inline("text", b"Zwei Katzen"),
    ).run()

    assert [r.key for r in studio.task.results] == [
        f"{OUT}-1.png",
        f"{OUT}-2.jpg",
        f"{OUT}.json",
        f"{OUT}.txt",
    ]


def test_a_label_names_the_results(studio: Studio) -> None:
    """Two specs with labels do not get into each other's way."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, key="photos/cat.jpg.big.json")
    studio.ask(JOB_KEY, key="photos/cat.jpg.huge.json", params={"scale": 4})
    studio.run()

    assert {r.key for task in studio.tasks.all for r in task.results} == {
        f"{PHOTO}/big.png",
        f"{PHOTO}/huge.png",
    }


def test_a_spec_without_a_source_writes_under_its_own_name(studio: Studio) -> None:
    """There is no photo to name the result after."""
    studio.ask("generate", key="posters/sunset.json", params={"prompt": "a sunset"})
    studio.run()

    assert studio.task.results[0].key == "posters/sunset.png"
    assert studio.task.manifest_key == "posters/sunset.manifest.json"


def test_a_name_that_another_spec_has_is_refused(studio: Studio) -> None:
    """A label that is another spec's operation would write over its results."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.ask(SYNC_NONE, key=f"photos/cat.jpg.{JOB_KEY}.json")
    studio.run()

    first, second = studio.tasks.all
    assert (first.state, second.state) == ("succeeded", "failed")
    failure = studio.manifest(second)["failure"]
    assert failure["code"] == "name-taken"
    assert "photos/cat.jpg.json" in failure["sentence"]
    assert studio.manifest(first)["status"] == "succeeded"


def test_a_name_whose_spec_is_gone_is_free(studio: Studio) -> None:
    """A renamed spec may use the name that it had."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run()
    studio.remove("photos/cat.jpg.json")
    studio.ask(JOB_KEY, key=f"photos/cat.jpg.{JOB_KEY}.json")
    studio.run()

    assert studio.tasks.all[1].state == "succeeded"
    assert len(studio.outputs.versions(f"{PHOTO}/upscale.png")) == 2


def test_a_large_answer_is_kept_beside_the_task_until_it_is_delivered(studio: Studio) -> None:
    """A database item has its limit; the bucket has none."""
    large = PNG + bytes(IN_ITEM_BYTES)
    _answering(studio, _inline("image", large))
    studio.door("submit", studio.task.task_id)

    work = f"_darkroom/work/{studio.task.task_id}/1"
    assert studio.task.last_attempt.answer is None
    assert studio.task.last_attempt.answer_key == work
    assert work in studio.outputs.keys
    studio.run()
    assert studio.outputs.get(f"{OUT}.png") == large
    assert studio.task.last_attempt.answer_key is None


def test_facts_that_the_item_cannot_hold_are_kept_beside_and_cost_no_result(
    studio: Studio,
) -> None:
    """Too large, too small a number, a name without a letter: the paid picture is delivered."""
    odd = {"large": "x" * 500_000, "tiny": 1e-300, "nameless": {"": 1}, "box": [1, 2, 3, 4]}
    _answering(studio)
    studio.providers.forget("submit")
    studio.providers.say("submit", Finished((_inline("image", PNG),), 1.5, odd))
    studio.door("submit", studio.task.task_id)

    assert studio.task.last_attempt.facts == {"box": [1, 2, 3, 4]}
    kept = studio.outputs.get(f"_darkroom/work/{studio.task.task_id}/1")
    assert kept is not None
    assert b"nameless" in kept
    studio.run()
    assert studio.outputs.get(f"{OUT}.png") == PNG


def test_a_large_answer_that_was_kept_is_found_after_a_crash(studio: Studio) -> None:
    """The process died between keeping it and saying so; it was paid for and is not lost."""
    _answering(studio, _inline("image", PNG + bytes(IN_ITEM_BYTES)))
    write = studio.tasks.replace

    def dies(old: Task, new: Task) -> Task:
        if new.state == "delivering":
            studio.tasks.replace = write  # type: ignore[method-assign]
            raise Died
        return write(old, new)

    studio.tasks.replace = dies  # type: ignore[method-assign]
    studio.run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_gone_result_of_a_job_is_asked_for_again(studio: Studio) -> None:
    """The job is paid; its provider gives a new address."""
    studio.providers.say("fetch", GONE)
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_result_that_stays_gone_fails_the_task(studio: Studio) -> None:
    """Asked for minutes at each of three addresses; the manifest says that it was paid for."""
    studio.providers.say("fetch", *[GONE] * 3 * (1 + ABSENT_LIMIT))
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run()

    manifest = studio.manifest()
    assert manifest["failure"]["code"] == "result-gone"
    assert manifest["attempts"][0]["charged"] == "yes"
    assert manifest["attempts"][0]["outcome"] == "given-up"
    assert "to fetch it again" in manifest["failure"]["next_step"]
    assert len(studio.providers.charged) == 1


@pytest.mark.parametrize("charged", ["yes", "unknown"])
def test_a_job_that_is_gone_as_its_result_is_was_paid_for(studio: Studio, charged: Charged) -> None:
    """It has been done: that its provider forgets it afterwards is no failure of the job."""
    studio.providers.say("fetch", *[GONE] * 100)
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, provider=["beta", "gamma"])
    studio.run(until=["delivering"])
    studio.providers.say("poll", *[JobFailed("job-lost", "No such job.", charged)] * 9)
    studio.run()

    assert studio.manifest()["failure"]["code"] == "result-gone"
    assert [attempt.charged for attempt in studio.task.attempts] == ["yes"]
    assert len(studio.providers.charged) == 1


def test_a_job_that_is_gone_and_cost_nothing_is_made_by_the_next_provider(studio: Studio) -> None:
    """Whoever gives the money back leaves nothing to be fetched."""
    studio.providers.say("fetch", *[GONE] * (1 + ABSENT_LIMIT))
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, provider=["beta", "gamma"])
    studio.run(until=["delivering"])
    studio.providers.say("poll", JobFailed("failed", "It was given back.", "no"))
    studio.run()

    assert studio.task.state == "succeeded"
    assert [attempt.charged for attempt in studio.task.attempts] == ["no", "yes"]


def test_a_gone_result_of_a_call_without_a_job_fails_the_task(studio: Studio) -> None:
    """There is nobody to ask where it is now; its address was asked for ten minutes."""
    studio.providers.say("fetch", *[GONE] * (1 + ABSENT_LIMIT))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    begun = studio.clock.now()
    studio.run()

    assert studio.manifest()["failure"]["code"] == "result-gone"
    assert studio.clock.now() - begun >= timedelta(minutes=10)


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
def test_whatever_the_answer_is_a_paid_result_is_asked_for_for_ten_minutes(
    studio: Studio, operation: str, error: DarkroomError
) -> None:
    """With growing waits, at the same address, and with a word about it on the task."""
    studio.providers.say("fetch", *[error] * ABSENT_LIMIT)
    studio.drop(PHOTO)
    studio.ask(operation)
    studio.run(until=["delivering"])
    begun, before = studio.clock.now(), len(studio.steps)
    step = studio.door("deliver", studio.task.task_id)
    assert studio.task.wait_reason == error.failure.sentence
    studio.clock.advance(step.wait_s)
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.clock.now() - begun >= timedelta(minutes=10)
    waits = [step.wait_s for step in studio.steps[before:] if step.wait_s]
    assert waits == sorted(waits)
    assert studio.task.gone == 0
    assert len(studio.providers.sent) == 1


def test_a_try_that_comes_before_its_wait_is_over_costs_none_of_the_ten_minutes(
    studio: Studio,
) -> None:
    """The workflow calls a door that died again after seconds: the last try as any other."""
    studio.providers.say("fetch", *[ResultGone("result-gone", "Gone.")] * 100)
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run(until=["delivering"])
    begun = studio.clock.now()
    for _ in range(ABSENT_LIMIT):
        steps = [studio.door("deliver", studio.task.task_id) for _ in range(3)]
        assert {step.next for step in steps} == {"poll"}
        assert len({step.wait_s for step in steps}) == 1
        studio.clock.advance(steps[-1].wait_s)

    assert studio.clock.now() - begun >= timedelta(minutes=10)
    assert studio.door("deliver", studio.task.task_id).next == "fail"


def test_a_page_in_place_of_the_result_may_pass(studio: Studio) -> None:
    """A store that is down says so with a page, and some of them with a status that means yes."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run(until=["delivering"])
    (url,) = studio.providers.results
    studio.providers.results[url] = b"<html>Back in a minute</html>"
    step = studio.door("deliver", studio.task.task_id)
    assert (step.next, studio.task.state) == ("poll", "delivering")
    studio.providers.results[url] = PNG
    studio.run()

    assert studio.task.state == "succeeded"


def test_a_part_of_a_result_is_not_delivered(studio: Studio) -> None:
    """It is fetched again, and the whole is there."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run(until=["delivering"])
    (url,) = studio.providers.results
    studio.providers.results[url] = PNG[:-20]
    studio.door("deliver", studio.task.task_id)
    assert studio.outputs.keys == set()
    studio.providers.results[url] = PNG
    studio.run()

    assert studio.outputs.get(f"{OUT}.png") == PNG


def test_a_part_inside_an_answer_is_no_result_either(studio: Studio) -> None:
    """There is no address to ask once more; the manifest says what is wrong."""
    _answering(studio, _inline("image", PNG[:-20])).run()

    failure = studio.manifest()["failure"]
    assert failure["code"] == "wrong-result"
    assert "a part" in failure["sentence"]
    assert "--pay-again" in failure["next_step"]


def test_a_job_is_asked_again_when_its_answer_holds_a_part(studio: Studio) -> None:
    """The next answer holds the whole."""
    part, whole = (Finished((_inline("image", body),)) for body in (PNG[:-20], PNG))
    studio.providers.say("poll", part, whole)
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == 1


@pytest.mark.parametrize("data", ["SGFsbG8", "SGFsbG8=", "SGFs\nbG8"])
def test_data_is_read_whatever_its_padding_and_its_lines(studio: Studio, data: str) -> None:
    """A paid answer is not thrown away for its form."""
    _answering(studio, ResultRef("text", data=data)).run()

    assert studio.outputs.get(f"{OUT}.txt") == b"Hallo"


def test_data_that_cannot_be_read_is_no_result(studio: Studio) -> None:
    """No number of bytes is written like this."""
    _answering(studio, ResultRef("text", data="SGFsb")).run()

    assert studio.manifest()["failure"]["code"] == "wrong-result"


def test_a_result_that_cannot_be_had_for_the_moment_is_fetched_again(studio: Studio) -> None:
    """The workflow tries the door again."""
    studio.providers.say("fetch", Busy("result-not-fetched", "Not now."))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()

    assert studio.task.state == "succeeded"


@pytest.mark.parametrize(
    "body", [b"<html>Sorry</html>", b"", b'{"error": "oops"}', b"\x00\x00\x00\x18ftypisom" + PNG]
)
def test_a_result_of_the_wrong_kind_fails_the_task(studio: Studio, body: bytes) -> None:
    """An error page is no photo; it is kept aside, and nothing bears the result's name."""
    _answering(studio, _inline("image", body)).run()

    manifest = studio.manifest()
    assert manifest["failure"]["code"] == "wrong-result"
    assert manifest["attempts"][0]["charged"] == "yes"
    assert studio.outputs.keys == {f"{OUT}.manifest.json", work_key(studio.task.task_id, 1)}


def test_what_was_copied_before_a_useless_result_is_in_the_manifest(studio: Studio) -> None:
    """It lies in the bucket, and was paid for."""
    good, bad = (base64.b64encode(body).decode() for body in (PNG, b"<html>Sorry</html>"))
    refs = (ResultRef("image", data=good), ResultRef("image", data=bad))
    studio.providers.say("submit", Finished(refs))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()

    assert studio.manifest()["failure"]["code"] == "wrong-result"
    assert [result["key"] for result in studio.manifest()["results"]] == [f"{OUT}-1.png"]


def test_a_result_that_is_too_large_fails_the_task_with_its_own_code() -> None:
    """The limit is a setting; the sentence is about it, not about a fault of ours."""
    studio = Studio(limits=Limits(result_bytes=10))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()

    assert studio.manifest()["failure"]["code"] == "result-too-large"
    assert sum(step.wait_s for step in studio.steps) == 0


def test_an_older_task_that_ends_late_writes_beside_the_newer(studio: Studio) -> None:
    """Its results and its manifest bear its own id."""
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["delivering"])
    studio.ask(JOB_KEY, params={"scale": 4})
    old_id, new_id = (task.task_id for task in studio.tasks.all)
    studio.run()

    assert {r.key for task in studio.tasks.all for r in task.results} == {
        f"{PHOTO}/upscale.png",
        f"{PHOTO}/upscale@{old_id[:8]}.png",
    }
    newest = json.loads(studio.outputs.get(f"{PHOTO}/upscale.manifest.json") or b"")
    assert newest["task_id"] == new_id


def test_delivering_twice_writes_the_same_and_says_so_again(studio: Studio) -> None:
    """The event has the same id, so a consumer can tell."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()
    assert studio.door("deliver", studio.task.task_id) == Step("done")

    first, second = studio.events.published
    assert first == second
    assert first.detail["event_id"] == f"{studio.task.task_id}-1-succeeded"


def test_an_event_that_the_bus_refuses_is_published_by_the_next_try(studio: Studio) -> None:
    """The task has ended by then; the door says so all the same."""
    studio.events.refusals = 2
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()

    assert studio.endings(studio.task.task_id) == {"Task Succeeded"}


def test_results_that_were_copied_are_not_copied_again(studio: Studio) -> None:
    """Several large ones may take more than one call of the door; each is fetched once."""
    studio.drop(PHOTO)
    urls = [f"https://beta.example/{n}" for n in range(3)]
    studio.providers.results |= dict.fromkeys(urls, PNG)
    refs = tuple(ResultRef("image", url) for url in urls)
    studio.providers.say("poll", Finished(refs))
    studio.ask(JOB_KEY, provider="beta")
    studio.run(until=["delivering"])
    for _ in urls[:-1]:
        # Time for one more result, and then no more.
        left = [0.0, 1000.0]
        deliver(studio.ports, studio.task.task_id, 1, left.pop)
    studio.run()

    assert studio.task.state == "succeeded"
    assert [result.key for result in studio.task.results] == [
        f"photos/cat.jpg/upscale-{n}.png" for n in (1, 2, 3)
    ]
    assert all(len(studio.outputs.versions(result.key)) == 1 for result in studio.task.results)
