"""What is paid for anew is delivered anew: results of an earlier try never stand for it."""

import base64
from collections.abc import Sequence

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy
from darkroom.pipeline.deliver import POLL_AGAIN_LIMIT
from darkroom.pipeline.retry import retry
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness

OUT = f"{PHOTO}/remove-background"
USELESS = b"<html>Sorry</html>"


def _pictures(*bodies: bytes) -> Finished:
    refs = [ResultRef("image", data=base64.b64encode(body).decode()) for body in bodies]
    return Finished(tuple(refs))


def _delivered(harness: PipelineHarness) -> Sequence[bytes]:
    """What lies in the bucket under the keys that the manifest names."""
    keys = [result["key"] for result in harness.manifest()["results"]]
    return [harness.outputs.get(key) or b"" for key in keys]


def test_a_new_paid_picture_takes_the_place_of_an_older_one() -> None:
    """The first call's first picture was copied, and its second one was of no use."""
    old, first, second = (PNG + bytes([n]) for n in range(3))
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE, provider="alpha")
    harness.providers.script("submit", _pictures(old, USELESS), _pictures(first, second))
    harness.run()
    assert (harness.task.state, _delivered(harness)) == ("failed", [old])

    retry(harness.ports, harness.task.task_id, pay_again=True)
    harness.run()
    assert harness.task.state == "succeeded"
    assert _delivered(harness) == [first, second]
    assert len(harness.task.results) == 2


def test_a_job_that_is_asked_again_is_delivered_from_its_first_result_on() -> None:
    """Its answer may name its pictures in another order, or other ones."""
    old, first, second = (PNG + bytes([n]) for n in range(3))
    lost = "https://beta.example/lost"
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider="beta")
    partly = Finished((*_pictures(old).results, ResultRef("image", lost)))
    harness.providers.script("poll", *[partly] * (1 + POLL_AGAIN_LIMIT))
    fetch = harness.providers.fetch
    mended = False

    def out_of_reach(url: str, most: int, max_s: float | None = None) -> object:
        if url == lost and not mended:
            raise Busy("result-not-fetched", "The result could not be fetched for the moment.")
        return fetch(url, most, max_s)

    harness.providers.fetch = out_of_reach  # type: ignore[method-assign, assignment]
    harness.run()
    task = harness.task
    assert (task.state, len(task.results)) == ("failed", 1)

    mended = True
    harness.providers.forget("poll")
    harness.providers.script("poll", _pictures(first, second))
    retry(harness.ports, task.task_id)
    harness.run()
    assert harness.task.state == "succeeded"
    assert _delivered(harness) == [first, second]
    assert len(harness.providers.charged) == 1


def test_what_moves_aside_is_written_there_from_its_first_result_on() -> None:
    """A newer task has the name by now, and may have written over what was copied before."""
    urls = [f"https://beta.example/{n}" for n in range(2)]
    bodies = [PNG + bytes([n]) for n in range(2)]
    harness = PipelineHarness()
    harness.providers.results |= dict(zip(urls, bodies, strict=True))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider="beta")
    older = harness.task
    harness.providers.script("poll", Finished(tuple(ResultRef("image", url) for url in urls)))
    harness.run(until=["delivering"])
    fetch = harness.providers.fetch
    calls = iter([True, False])

    def one_at_a_time(url: str, most: int, max_s: float | None = None) -> object:
        if next(calls, True):
            return fetch(url, most, max_s)
        raise Busy("result-not-fetched", "Later.")

    harness.providers.fetch = one_at_a_time  # type: ignore[method-assign, assignment]
    harness.step("deliver", older.task_id)
    task = harness.tasks.get(older.task_id)
    assert task
    assert [result.key for result in task.results] == [f"{PHOTO}/upscale-1.png"]

    harness.upload_spec(JOB_KEY, provider="beta", params={"scale": 4})
    harness.run()
    task = harness.tasks.get(older.task_id)
    assert task
    aside = f"{PHOTO}/upscale@{older.task_id[:8]}"
    assert [result.key for result in task.results] == [f"{aside}-1.png", f"{aside}-2.png"]
    assert [harness.outputs.get(result.key) for result in task.results] == bodies
