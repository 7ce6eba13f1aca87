"""Results under the names and in the folders that a spec or a folder default asks for."""

import base64
from typing import Any

import pytest

from darkroom.domain.arrivals import Uploaded
from darkroom.domain.attempt import Finished, ResultRef
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_KEY
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness
from tests.pipeline.test_folder_defaults import DEFAULT, ROOT, put

DONE = {"name": "{stem}", "folder": "/done"}


def keys(harness: PipelineHarness) -> list[list[str]]:
    """The results' keys of every task."""
    return [[result.key for result in task.results] for task in harness.tasks.all]


def codes(harness: PipelineHarness) -> list[str | None]:
    """The failure codes of every task."""
    return [task.ending.failure.code if task.ending else None for task in harness.tasks.all]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (DONE, "done/cat.png"),
        ({"name": "{stem}"}, "photos/cat.png"),
        ({"folder": "/done/{folder}"}, "done/photos/cat.jpg/upscale.png"),
        ({"folder": "small"}, "photos/small/cat.jpg/upscale.png"),
        ({"folder": "/", "name": "{metadata.sku}-{label}"}, "A-113-upscale.png"),
        ({"name": "{n}/{stem}.{ext}"}, "photos/1/cat.jpg.png"),
        ({"name": "cat.jpg/upscale"}, "photos/cat.jpg/upscale.png"),
    ],
)
def test_result_has_the_name_that_is_asked_for(
    harness: PipelineHarness, output: Any, expected: str
) -> None:
    """The manifest stays beside the default place, and says where the result is."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, output=output, metadata={"sku": "A-113"})
    harness.run()

    assert keys(harness) == [[expected]]
    assert harness.task.manifest_key == f"{PHOTO}/{JOB_KEY}.manifest.json"
    assert harness.manifest()["results"][0]["key"] == expected
    assert harness.manifest()["spec"]["output"] == output
    assert harness.outputs.get(expected)


def test_folder_default_names_the_results_of_all_photos(harness: PipelineHarness) -> None:
    """The source's name, in another folder."""
    put(harness, {"output": DONE}, ROOT)
    put(harness, {"operation": JOB_KEY})
    harness.upload(PHOTO)
    harness.upload("photos/dog.jpg")
    harness.run()

    assert keys(harness) == [["done/cat.png"], ["done/dog.png"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{stem}", ["done/cat-1.png", "done/cat-2.png"]),
        ("{n}-{stem}", ["done/1-cat.png", "done/2-cat.png"]),
    ],
)
def test_several_results_are_numbered(
    harness: PipelineHarness, name: str, expected: list[str]
) -> None:
    """Where the template asks for the number, or else at the end."""
    picture = ResultRef("image", data=base64.b64encode(PNG).decode())
    harness.providers.script("submit", Finished((picture, picture)))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_KEY, output={"name": name, "folder": "/done"})
    harness.run()

    assert keys(harness) == [expected]


def test_two_photos_cannot_have_one_name(harness: PipelineHarness) -> None:
    """The second one is refused before it is paid, and its sentence says whose the name is."""
    put(harness, {"operation": JOB_KEY, "output": DONE})
    harness.upload(PHOTO)
    harness.upload("photos/cat.png")
    harness.run()

    assert codes(harness) == [None, "name-taken"]
    failure = harness.tasks.all[1].ending
    assert failure
    assert f"'{PHOTO}'" in failure.failure.sentence
    assert len(harness.providers.charged) == 1


def test_name_of_a_deleted_photo_is_free_again(harness: PipelineHarness) -> None:
    """As that of a deleted spec is."""
    put(harness, {"operation": JOB_KEY, "output": DONE})
    harness.upload(PHOTO)
    harness.run()
    harness.delete(PHOTO)
    harness.upload("photos/cat.png")

    assert codes(harness) == [None, None]


def test_name_of_other_results_cannot_be_taken(harness: PipelineHarness) -> None:
    """Neither that of another task's manifest, nor by a task whose default place it is."""
    harness.upload(PHOTO)
    harness.upload("photos/dog.jpg")
    harness.upload_spec(JOB_KEY)
    harness.upload_spec(
        SYNC_KEY, "photos/dog.jpg.json", output={"folder": "cat.jpg", "name": JOB_KEY}
    )
    harness.upload_spec(SYNC_KEY, "photos/dog.jpg.x.json", output={"folder": "/", "name": "x"})
    harness.upload_spec("generate", "x.json", params={"prompt": "a cat"})

    assert codes(harness) == [None, "name-taken", None, "name-taken"]


def test_older_task_that_ends_late_writes_beside_the_newer_one(harness: PipelineHarness) -> None:
    """Its manifest and its result move aside, each beside its own place."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, output=DONE)
    harness.run(until=["running"])
    first = harness.task
    harness.upload_spec(JOB_KEY, output=DONE, metadata={"version": 2})
    harness.workflows.started.reverse()
    harness.run()

    older, newer = harness.tasks.all
    assert (older.state, newer.state) == ("succeeded", "succeeded")
    assert newer.results[0].key == "done/cat.png"
    assert older.results[0].key == f"done/cat@{first.task_id[:8]}.png"
    assert older.manifest_key == f"{PHOTO}/{JOB_KEY}@{first.task_id[:8]}.manifest.json"


def test_result_that_gets_another_place_leaves_the_old_name(harness: PipelineHarness) -> None:
    """A new version of the spec that names no place has only its default name."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, output=DONE)
    harness.run(until=["running"])
    harness.upload_spec(JOB_KEY)
    harness.run()
    older, newer = harness.tasks.all

    assert newer.results[0].key == f"{PHOTO}/{JOB_KEY}.png"
    assert older.results[0].key == "done/cat.png"


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ({"name": "{stm}"}, "Did you mean 'stem'"),
        ({"name": "{metadata.skuu}"}, "Did you mean 'sku'"),
        ({"name": "{metadata.list}"}, "neither a text nor a whole number"),
        ({"name": "{metadata.path}"}, "cannot be part of a file's name"),
        ({"name": "a//b"}, "empty"),
        ({"name": "../x"}, "'..'"),
        ({"name": "a\\b"}, "backslash"),
        ({"folder": "/_darkroom", "name": "x"}, "reserved"),
        ({"name": "x" * 300, "folder": "/" + "y/" * 290 + "z" * 200}, "folder"),
        ({"name": "{stem"}, "brace"),
        ({"nane": "x"}, "Did you mean 'name'"),
    ],
)
def test_unusable_name_is_refused_before_payment(
    harness: PipelineHarness, output: Any, word: str
) -> None:
    """With a sentence that says what is wrong."""
    metadata = {"sku": "A", "list": [1], "path": "a/b"}
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, output=output, metadata=metadata)

    failure = harness.task.ending
    assert failure
    assert failure.failure.code in ("bad-spec", "bad-output")
    assert word in failure.failure.sentence + failure.failure.next_step


def test_spec_without_a_source_has_no_extension_to_name(harness: PipelineHarness) -> None:
    """Its own name is the stem."""
    made = {"params": {"prompt": "a cat"}}
    harness.upload_spec("generate", "posters/a.json", output={"name": "{stem}.{ext}"}, **made)
    harness.upload_spec("generate", "posters/b.json", output=DONE, **made)
    harness.run()

    assert codes(harness) == ["bad-output", None]
    assert harness.tasks.all[1].results[0].key == "done/b.png"


def test_late_order_claims_its_names(harness: PipelineHarness) -> None:
    """A photo that waited for its folder default's correction has the names it asks for."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    harness.upload("photos/cat.png")
    put(harness, {"operation": JOB_KEY, "output": DONE})
    harness.run()

    assert sorted(map(str, codes(harness))) == ["None", "name-taken"]
    assert sum(map(len, keys(harness))) == 1
    assert harness.tasks.owner("done/cat")


def test_deleted_and_repeated_arrivals_change_no_name(harness: PipelineHarness) -> None:
    """The owner stays the same."""
    put(harness, {"operation": JOB_KEY, "output": DONE})
    event = harness.upload(PHOTO)
    owner = harness.tasks.owner("done/cat")
    harness.receive(event, Uploaded(DEFAULT))

    assert harness.tasks.owner("done/cat") == owner
    assert harness.tasks.latest(SPEC) == owner
