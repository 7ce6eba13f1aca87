"""A file with almost the name that is waited for is named; one in another case is taken, once."""

from collections.abc import Sequence

import pytest

from darkroom.domain.near_names import difference, intended_spec
from darkroom.domain.object_keys import normalize_key, waiting_names
from darkroom.domain.provider_jobs import JobFailed
from darkroom.pipeline.orders.near_misses import LOOK_AFTER, PAGE, Nearby
from darkroom.pipeline.retry import newer_inputs, retry
from darkroom.pipeline.sweep import sweep
from tests.fakes.providers import PNG
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness, spec_of

MASK = "photos/cat.mask.png"

NEAR_FILES: dict[str, tuple[str, str]] = {
    "a camera's extension in capitals": ("photos/cat.JPG", "in other upper or lower case"),
    "a name that begins with a capital": ("photos/Cat.jpg", "in other upper or lower case"),
    "all capitals": ("photos/CAT.JPG", "in other upper or lower case"),
    "a folder in capitals": ("PHOTOS/cat.jpg", "in a folder in other upper or lower case"),
    "a backslash for the slash": ("photos\\cat.jpg", "with other slashes"),
    "a slash at the beginning": ("/photos/cat.jpg", "with other slashes"),
    "a browser's second download": ("photos/cat (1).jpg", "with the mark of a copy"),
    "a number after the extension": ("photos/cat.jpg (1)", "with the mark of a copy"),
    "a copy made on Windows": ("photos/cat - Copy.jpg", "with the mark of a copy"),
    "a copy made on a Mac": ("photos/cat copy.jpg", "with the mark of a copy"),
    "the extension twice": ("photos/cat.jpg.jpg", "with an extension too many"),
    "an editor's extension": ("photos/cat.jpg.txt", "with an extension too many"),
    "the long form of the extension": ("photos/cat.jpeg", "with another extension"),
    "another format": ("photos/cat.png", "with another extension"),
    "a space before the dot": ("photos/cat .jpg", "with other spaces"),
    "a space at the end": ("photos/cat.jpg ", "with other spaces"),
    "a key that was encoded": ("photos/c%61t.jpg", "with encoded characters"),
}
"""What lies there instead of `photos/cat.jpg`, and what is said of it."""

ACCEPTED = {
    what for what, (_, said) in NEAR_FILES.items() if said == "in other upper or lower case"
}
ONLY_BY_EVENT = {"a folder in capitals"}
"""Only their arrival shows these: they lie in a folder that is not listed."""
NAMED_BY_EVENT = set(NEAR_FILES) - {"the long form of the extension", "another format"}

NEAR_SPECS: dict[str, tuple[str, str, str]] = {
    "a spec saved by a text editor": ("photos/cat.jpg.json.txt", "misnamed-spec", "cat.jpg.json"),
    "the same with a label": ("photos/cat.jpg.big.json.txt", "misnamed-spec", "cat.jpg.big.json"),
    "a number after a spec's name": ("photos/cat.jpg.json (2)", "misnamed-spec", "cat.jpg.json"),
    "a spec that was downloaded twice": ("photos/cat.jpg (1).json", "missing-role", "cat.jpg.json"),
    "a space in a spec's name": ("photos/cat.jpg .json", "missing-role", "cat.jpg.json"),
    "a folder default in capitals": ("photos/_Darkroom.json", "misnamed-spec", "_darkroom.json"),
    "a folder default as a text": ("photos/_darkroom.json.txt", "misnamed-spec", "_darkroom.json"),
    "a second folder default": ("photos/_darkroom (1).json", "misnamed-spec", "_darkroom.json"),
    "a raw photo": ("photos/cat.cr2.json", "missing-role", "'.cr2' is not among the extensions"),
    "a misspelt extension": ("photos/cat.jpgg.json", "missing-role", "Did you mean 'jpg'?"),
    "a raw photo and a label": ("photos/cat.nef.big.json", "missing-role", "'.nef' is not among"),
}
"""The name of a spec, the code of its failure, and what the sentence says."""


def look(harness: PipelineHarness) -> None:
    """A minute passes, and SWEEP runs."""
    harness.clock.advance(LOOK_AFTER.total_seconds())
    sweep(harness.ports)


def reason(harness: PipelineHarness) -> str:
    """Why the only task waits."""
    assert harness.task.state == "waiting"
    return harness.task.wait_reason or ""


def count_lists(harness: PipelineHarness) -> list[str]:
    """The prefix of every LIST from now on."""
    prefixes: list[str] = []
    original = harness.inputs.list_keys

    def list_keys(prefix: str, after: str = "", most: int = 1000) -> Sequence[str]:
        prefixes.append(prefix)
        return original(prefix, after, most)

    harness.inputs.list_keys = list_keys  # type: ignore[method-assign]
    return prefixes


def test_there_are_at_least_25_near_misses() -> None:
    """Files and specs together."""
    assert len(NEAR_FILES) + len(NEAR_SPECS) >= 25


@pytest.mark.parametrize("what", NEAR_FILES)
def test_near_miss_that_lies_there_is_named_or_taken_after_a_minute(
    harness: PipelineHarness, what: str
) -> None:
    """Its event came before the spec: only a look at the folder can find it."""
    key, said = NEAR_FILES[what]
    harness.upload(key)
    harness.upload_spec(SYNC_NONE)
    assert reason(harness) == f"waits for {PHOTO}"
    look(harness)

    if what in ACCEPTED:
        harness.run()
        (taken,) = harness.task.resolved_order.inputs["image"]
        assert (harness.task.state, taken.key) == ("succeeded", key)
        assert harness.manifest()["inputs"]["image"][0]["key"] == key
        return
    assert harness.providers.sent == []
    if what not in ONLY_BY_EVENT:
        assert f"there is {key}, {said}" in reason(harness)
        assert "upload it under the right name" in reason(harness)
    harness.upload(PHOTO)
    harness.run()
    assert harness.task.resolved_order.inputs["image"][0].key == PHOTO
    assert len(harness.providers.sent) == 1
    assert harness.tasks.wanted == []


@pytest.mark.parametrize("what", NEAR_FILES)
def test_near_miss_that_arrives_is_named_at_once(harness: PipelineHarness, what: str) -> None:
    """Without a LIST, and without a paid call."""
    key, said = NEAR_FILES[what]
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(3600)
    sweep(harness.ports)
    lists = count_lists(harness)
    harness.upload(key)

    assert lists == []
    if what in NAMED_BY_EVENT:
        assert f"there is {key}, {said}" in reason(harness)
    assert harness.providers.sent == []
    look(harness)
    assert (harness.task.state == "queued") == (what in ACCEPTED)


@pytest.mark.parametrize("what", NEAR_SPECS)
def test_near_miss_of_a_spec_ends_with_the_right_name(harness: PipelineHarness, what: str) -> None:
    """One task, which fails unpaid and says what was meant."""
    key, code, said = NEAR_SPECS[what]
    harness.upload(PHOTO)
    harness.upload(key, spec_of("upscale"))
    harness.run()

    failure = harness.manifest()["failure"]
    assert (harness.task.state, failure["code"]) == ("failed", code)
    assert said in failure["sentence"]
    assert failure["next_step"].startswith(("Upload it as '", "Save the photo as"))
    assert harness.providers.sent == []
    assert harness.dead_letters.letters == []


@pytest.mark.parametrize(
    "key", ["photos/notes.txt", "photos/cat.txt", "a.json.bak", "photos/x.json.txt"]
)
def test_other_files_make_no_task(harness: PipelineHarness, key: str) -> None:
    """Only what names a photo was meant as its spec."""
    assert intended_spec(key) is None
    harness.upload(key, spec_of("upscale"))
    assert harness.tasks.all == []


def test_deleted_near_miss_is_not_named(harness: PipelineHarness) -> None:
    """Its event says only that something happened to it."""
    harness.put_file("photos/cat.JPG")
    harness.upload_spec(SYNC_NONE)
    harness.delete("photos/cat.JPG")

    assert reason(harness) == f"waits for {PHOTO}"


def test_of_two_files_that_differ_in_case_none_is_taken(harness: PipelineHarness) -> None:
    """Nobody can know which one was meant; both are named."""
    harness.upload("photos/CAT.jpg")
    harness.upload("photos/cat.JPG")
    harness.upload_spec(SYNC_NONE)
    look(harness)

    assert "photos/CAT.jpg" in reason(harness)
    assert "photos/cat.JPG" in reason(harness)


def test_file_in_other_case_with_a_spec_of_its_own_is_not_taken(harness: PipelineHarness) -> None:
    """It is the photo of that spec."""
    harness.upload("photos/CAT.jpg")
    harness.upload_spec(SYNC_NONE, key="photos/CAT.jpg.json")
    harness.upload_spec("upscale")
    look(harness)

    own, other = harness.tasks.all
    assert (own.state, other.state) == ("queued", "waiting")
    assert "photos/CAT.jpg" in (other.wait_reason or "")


def test_file_in_other_case_that_is_another_input_is_not_taken(harness: PipelineHarness) -> None:
    """A task that names both waits for both."""
    harness.upload("photos/CAT.JPG")
    harness.upload_spec("remove-objects", inputs={"mask": "CAT.JPG"})
    look(harness)

    assert reason(harness).startswith(f"waits for {PHOTO}")


def test_exact_name_has_a_minute_to_arrive(harness: PipelineHarness) -> None:
    """Two photos that differ in case are uploaded one after the other: the right one is taken."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(3600)
    sweep(harness.ports)
    harness.upload("photos/cat.JPG")
    assert "in a minute it is taken" in reason(harness)
    harness.clock.advance(5)
    harness.upload(PHOTO, PNG + b"right")
    harness.run()

    assert harness.task.resolved_order.inputs["image"][0].key == PHOTO
    assert len(harness.providers.sent) == 1


def test_spec_that_is_not_read_is_named_by_a_waiting_task(harness: PipelineHarness) -> None:
    """Its user may have corrected the spec under a wrong name."""
    harness.upload_spec("remove-objects", inputs={"mask": "cat.mask.png"})
    harness.put_file("photos/cat.jpg (1).json", spec_of(SYNC_NONE))
    look(harness)

    assert "photos/cat.jpg (1).json, which is not read as this spec" in reason(harness)


def test_near_misses_are_looked_for_once(harness: PipelineHarness) -> None:
    """One LIST after a minute, and none until a file arrives or the deadline comes."""
    harness.upload_spec(SYNC_NONE)
    lists = count_lists(harness)
    for _ in range(100):
        look(harness)

    assert lists == ["photos/"]
    assert harness.task.look_at is None
    harness.clock.advance(harness.limits.inputs_s)
    harness.put_file("photos/cat (1).jpg")
    sweep(harness.ports)
    harness.run()
    assert lists == ["photos/", "photos/"]
    assert "photos/cat (1).jpg" in harness.manifest()["failure"]["sentence"]


def test_arrival_does_not_list_for_other_waiting_tasks(harness: PipelineHarness) -> None:
    """A folder with many waiting tasks: an arrival concerns those with almost its name."""
    for number in range(200):
        harness.upload_spec(SYNC_NONE, key=f"photos/p{number}.jpg.json")
    lists = count_lists(harness)
    read: list[str] = []
    get = harness.tasks.get

    def reading(task_id: str) -> object:
        read.append(task_id)
        return get(task_id)

    harness.tasks.get = reading  # type: ignore[method-assign, assignment]
    harness.upload("photos/P7.JPG")
    assert (len(set(read)), lists) == (1, [])
    look(harness)
    assert lists == ["photos/"]  # one for all the tasks of the folder
    assert [task.state for task in harness.tasks.all].count("queued") == 1


def test_thousands_of_tasks_that_wait_for_one_near_miss_cost_one_list(
    harness: PipelineHarness,
) -> None:
    """A mask in other case: each task is written, and the folder is listed once in a sweep."""
    for number in range(130):
        harness.upload(f"photos/p{number}.jpg")
        harness.upload_spec(
            "remove-objects", key=f"photos/p{number}.jpg.json", inputs={"mask": "/masks/m.png"}
        )
    harness.upload("masks/M.png")
    assert all("masks/M.png" in (task.wait_reason or "") for task in harness.tasks.all)
    lists = count_lists(harness)
    look(harness)

    assert {task.state for task in harness.tasks.all} == {"queued"}
    assert lists == ["masks/"]


def test_large_folder_is_listed_by_the_stem(harness: PipelineHarness) -> None:
    """Of more than 1,000 names those with the same stem are seen; two LISTs."""
    for number in range(PAGE + 5):
        harness.put_file(f"photos/a{number:04}.jpg")
    harness.put_file("photos/cat.JPG")
    lists = count_lists(harness)
    assert Nearby(harness.inputs).names(PHOTO) == ["photos/cat.JPG"]
    assert lists == ["photos/", "photos/cat"]


def test_empty_file_in_other_case_is_waited_for(harness: PipelineHarness) -> None:
    """It counts as missing like any other."""
    harness.upload("photos/cat.JPG", b"")
    harness.upload_spec(SYNC_NONE)
    look(harness)
    assert reason(harness).startswith("photos/cat.JPG is empty (0 bytes)")
    harness.upload("photos/cat.JPG")
    look(harness)
    harness.run()
    assert harness.task.state == "succeeded"


def test_retry_takes_a_file_in_other_case(harness: PipelineHarness) -> None:
    """The user who retries a task without its photo need not rename it."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(harness.limits.inputs_s + 1)
    sweep(harness.ports)
    harness.run()
    assert harness.task.state == "failed"
    harness.put_file("photos/cat.JPG")
    retry(harness.ports, harness.task.task_id)
    harness.run()
    assert harness.task.resolved_order.inputs["image"][0].key == "photos/cat.JPG"


def test_task_that_waits_under_an_older_name_is_released(harness: PipelineHarness) -> None:
    """Notes of older versions of the code have the key as it was written."""
    harness.upload_spec(SYNC_NONE, key="photos/CAT.jpg.json")
    notes = harness.tasks._wants
    notes["photos/CAT.jpg"] = notes.pop("photos/cat.jpg")
    harness.upload("photos/CAT.jpg")
    harness.run()
    assert harness.task.state == "succeeded"


@pytest.mark.parametrize("letter", ["\u0390", "\u0130", "\U0001d160", "\ufb2c", "x"])
def test_longest_key_is_a_name_that_the_table_can_hold(letter: str) -> None:
    """A partition key may have 2,048 bytes, `wants#` included; Unicode forms may be longer."""
    key = letter * (1024 // len(letter.encode()))
    names = {normalize_key(key), *waiting_names(key)}
    assert max(len(f"wants#{name}".encode()) for name in names) <= 2048
    assert normalize_key(key) in waiting_names(key)


def test_the_same_name_in_another_unicode_form_is_no_near_miss() -> None:
    """It is the name."""
    assert difference("photos/caf\u00e9.jpg", "photos/cafe\u0301.jpg") is None


def test_retry_keeps_the_versions_after_a_paid_call(harness: PipelineHarness) -> None:
    """A paid call is about the file that it was made with."""
    harness.upload(PHOTO, PNG + b"old")
    harness.upload_spec("relight")
    harness.providers.script(
        "poll", JobFailed("image-unreadable", "It cannot be read.", charged="yes")
    )
    harness.run()
    old = harness.task
    next_step = harness.manifest()["failure"]["next_step"]
    assert "upload the spec again: that is a new paid call" in next_step
    harness.upload(PHOTO, PNG + b"new")
    new = retry(harness.ports, old.task_id, pay_again=True)

    assert newer_inputs(old, new) == []
    assert new.resolved_order.inputs == old.resolved_order.inputs


def test_retry_takes_the_newest_version_of_a_refused_input(harness: PipelineHarness) -> None:
    """Nothing was paid: the corrected photo is sent, and the user learns which."""
    harness.upload(PHOTO, PNG + bytes(20_000))
    harness.upload_spec("upscale")
    harness.run()
    old = harness.task
    failure = harness.manifest()["failure"]
    assert failure["code"] == "input-too-large"
    step = f"run `darkroom retry {old.task_id}`: it takes the newest version"
    assert step in failure["next_step"]

    harness.upload(PHOTO)
    new = retry(harness.ports, old.task_id)
    harness.run()

    assert newer_inputs(old, new) == [PHOTO]
    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_file_in_other_case_is_not_taken_right_after_its_upload(harness: PipelineHarness) -> None:
    """Its event is late, and the look comes first: the exact name still has a minute."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(LOOK_AFTER.total_seconds() - 5)
    harness.put_file("photos/cat.JPG")
    harness.clock.advance(5)
    sweep(harness.ports)
    assert "in a minute it is taken" in reason(harness)
    look(harness)
    harness.run()
    assert harness.task.resolved_order.inputs["image"][0].key == "photos/cat.JPG"


def test_file_in_other_case_that_comes_at_the_deadline_is_taken(harness: PipelineHarness) -> None:
    """Failing the task would help nobody."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(harness.limits.inputs_s)
    harness.put_file("photos/cat.JPG")
    sweep(harness.ports)
    harness.run()
    assert harness.task.state == "succeeded"
