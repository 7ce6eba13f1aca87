"""What is paid for anew is delivered anew: results of an earlier try never stand for it."""

import base64
from collections.abc import Sequence

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy
from darkroom.pipeline.deliver import POLL_AGAIN_LIMIT
from darkroom.pipeline.retry import retry
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, Studio

OUT = f"{PHOTO}/remove-background"
USELESS = b"<html>Sorry</html>"


def _pictures(*bodies: bytes) -> Finished:
    refs = [ResultRef("image", data=base64.b64encode(body).decode()) for body in bodies]
    return Finished(tuple(refs))


def _delivered(studio: Studio) -> Sequence[bytes]:
    """What lies in the bucket under the keys that the manifest names."""
    keys = [result["key"] for result in studio.manifest()["results"]]
    return [studio.outputs.get(key) or b"" for key in keys]


def test_a_new_paid_picture_takes_the_place_of_an_older_one() -> None:
    """The first call's first picture was copied, and its second one was of no use."""
    old, first, second = (PNG + bytes([n]) for n in range(3))
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE, provider="alpha")
    studio.providers.say("submit", _pictures(old, USELESS), _pictures(first, second))
    studio.run()
    assert (studio.task.state, _delivered(studio)) == ("failed", [old])

    retry(studio.ports, studio.task.task_id, pay_again=True)
    studio.run()
    assert studio.task.state == "succeeded"
    assert _delivered(studio) == [first, second]
    assert len(studio.task.results) == 2


def test_a_job_that_is_asked_again_is_delivered_from_its_first_result_on() -> None:
    """Its answer may name its pictures in another order, or other ones."""
    old, first, second = (PNG + bytes([n]) for n in range(3))
    lost = "https://beta.example/lost"
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, provider="beta")
    partly = Finished((*_pictures(old).results, ResultRef("image", lost)))
    studio.providers.say("poll", *[partly] * (1 + POLL_AGAIN_LIMIT))
    fetch = studio.providers.fetch
    mended = False

    def out_of_reach(url: str, most: int) -> object:
        if url == lost and not mended:
            raise Busy("result-not-fetched", "The result could not be fetched for the moment.")
        return fetch(url, most)

    studio.providers.fetch = out_of_reach  # type: ignore[method-assign, assignment]
    studio.run()
    task = studio.task
    assert (task.state, len(task.results)) == ("failed", 1)

    mended = True
    studio.providers.forget("poll")
    studio.providers.say("poll", _pictures(first, second))
    retry(studio.ports, task.task_id)
    studio.run()
    assert studio.task.state == "succeeded"
    assert _delivered(studio) == [first, second]
    assert len(studio.providers.charged) == 1


def test_what_moves_aside_is_written_there_from_its_first_result_on() -> None:
    """A newer task has the name by now, and may have written over what was copied before."""
    urls = [f"https://beta.example/{n}" for n in range(2)]
    bodies = [PNG + bytes([n]) for n in range(2)]
    studio = Studio()
    studio.providers.results |= dict(zip(urls, bodies, strict=True))
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, provider="beta")
    older = studio.task
    studio.providers.say("poll", Finished(tuple(ResultRef("image", url) for url in urls)))
    studio.run(until=["delivering"])
    fetch = studio.providers.fetch
    calls = iter([True, False])

    def one_at_a_time(url: str, most: int) -> object:
        if next(calls, True):
            return fetch(url, most)
        raise Busy("result-not-fetched", "Later.")

    studio.providers.fetch = one_at_a_time  # type: ignore[method-assign, assignment]
    studio.door("deliver", older.task_id)
    task = studio.tasks.get(older.task_id)
    assert task
    assert [result.key for result in task.results] == [f"{PHOTO}/upscale-1.png"]

    studio.ask(JOB_KEY, provider="beta", params={"scale": 4})
    studio.run()
    task = studio.tasks.get(older.task_id)
    assert task
    aside = f"{PHOTO}/upscale@{older.task_id[:8]}"
    assert [result.key for result in task.results] == [f"{aside}-1.png", f"{aside}-2.png"]
    assert [studio.outputs.get(result.key) for result in task.results] == bodies
