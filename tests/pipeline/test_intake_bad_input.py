"""Whatever is wrong with a spec or a file, the person gets one manifest with one plain sentence."""

import json
from typing import Any

import pytest

from darkroom.domain.arrivals import Uploaded
from darkroom.domain.errors import ProviderRefused, Refused
from darkroom.pipeline.intake import take_arrival
from darkroom.pipeline.sweep import sweep
from tests.fakes.providers import PNG
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness, spec_of

DEEP = b'{"operation": "upscale", "metadata": ' + b'{"a":' * 200 + b"1" + b"}" * 201

_HUGE = b'{"operation": "upscale", "metadata": {"a": 1' + b"0" * 5000 + b"}}"

TWO = ["gamma", "alpha"]

BAD_SPECS: dict[str, tuple[str, bytes]] = {
    "no JSON": ("spec-not-json", b"operation: upscale"),
    "empty": ("spec-not-json", b""),
    "cut off": ("spec-not-json", b'{"operation": "upscale"'),
    "not UTF-8": ("spec-not-utf8", b'{"operation": "\xff\xfe"}'),
    "too large": ("spec-too-large", b'{"operation": "upscale"}' + b" " * (256 * 1024)),
    "deeply nested": ("spec-not-json", DEEP),
    "absurdly nested": ("spec-not-json", b"[" * 200_000),
    "a name twice": ("spec-not-json", b'{"operation": "upscale", "operation": "upscale"}'),
    "NaN": ("spec-not-json", b'{"operation": "upscale", "metadata": {"a": NaN}}'),
    "infinite": ("spec-not-json", b'{"operation": "upscale", "metadata": {"a": 1e999}}'),
    "out of range": ("spec-not-json", b'{"operation": "upscale", "metadata": {"a": 1e300}}'),
    "too small": ("spec-not-json", b'{"operation": "upscale", "metadata": {"a": 1e-300}}'),
    "huge integer": ("spec-not-json", _HUGE),
    "half a character": (
        "spec-not-json",
        b'{"operation": "upscale", "metadata": {"a": "\\ud800"}}',
    ),
    "a name is empty": ("spec-not-json", b'{"operation": "upscale", "metadata": {"": 1}}'),
    "a list": ("not-a-spec", b'[{"operation": "upscale"}]'),
    "no operation": ("not-a-spec", b'{"width": 300}'),
    "unknown field": ("bad-spec", spec_of("upscale", scael=2)),
    "wrong type": ("bad-spec", spec_of("upscale", params=[2])),
    "operation is no word": ("unknown-operation", spec_of("Up Scale!")),
    "operation is a number": ("bad-spec", b'{"operation": 7}'),
    "no provider in the list": ("bad-spec", spec_of("upscale", provider=[])),
    "large metadata": ("bad-spec", spec_of("upscale", metadata={"a": "x" * 20_000})),
    "unknown operation": ("unknown-operation", spec_of("upscaling")),
    "unknown provider": ("unknown-provider", spec_of("upscale", provider="betta")),
    "one unknown of two": ("unknown-provider", spec_of("upscale", provider=["beta", "betta"])),
    "lacking operation": ("operation-not-offered", spec_of("upscale", provider="alpha")),
    "unknown model": ("unknown-model", spec_of("upscale", provider="beta", model="beta-9")),
    "unknown parameter": ("bad-params", spec_of("upscale", params={"scael": 2})),
    "bad parameter": ("bad-params", spec_of("upscale", params={"scale": 3})),
    "missing parameter": ("bad-params", spec_of("generate")),
    "unknown role": ("unknown-role", spec_of("upscale", inputs={"mask": "m.png"})),
    "missing role": ("missing-role", spec_of("remove-objects")),
    "too many files": ("too-many-files", spec_of("combine", inputs={"image": list("abcd")})),
    "URL as input": ("bad-input-path", spec_of("upscale", inputs={"image": "https://x.y/z.png"})),
    "input outside": ("bad-input-path", spec_of("upscale", inputs={"image": "../../etc/x.png"})),
    "input is a folder": ("bad-input-path", spec_of("upscale", inputs={"image": "folder/"})),
    "operation is abbreviated": ("not-a-spec", b'{"op": "upscale"}'),
    "operation in capitals": ("not-a-spec", b'{"OPERATION": "upscale"}'),
    "operation has another name": ("not-a-spec", b'{"action": "upscale"}'),
    "parameter at the top": ("bad-spec", spec_of("upscale", scale=4)),
    "prompt at the top": ("bad-spec", spec_of("generate", prompt="a cat")),
    "mask at the top": ("bad-spec", spec_of("remove-objects", mask="cat.mask.png")),
    "provider in capitals": ("unknown-provider", spec_of("upscale", provider="BETA")),
    "provider has another name": ("bad-spec", spec_of("upscale", vendor="beta")),
    "operation with a space": ("unknown-operation", spec_of("remove background")),
    "operation with a capital": ("unknown-operation", spec_of("Upscale")),
    "number as a text": ("bad-params", spec_of("upscale", params={"scale": "4"})),
    "two providers that cannot": ("operation-not-offered", spec_of("vary", provider=TWO)),
}

SAID: dict[str, str] = {
    "no JSON": "expecting value at line 1, column 1",
    "empty": "it is empty",
    "cut off": "expecting ',' delimiter at line 1, column 24",
    "not UTF-8": "is not UTF-8 text (byte 15)",
    "too large": "has more than 262144 bytes",
    "deeply nested": "deeper than 28 levels",
    "absurdly nested": "deeper than 28 levels",
    "a name twice": "the name 'operation' appears twice",
    "NaN": "NaN is not a JSON number",
    "infinite": "the number 1e999 is too large",
    "out of range": "the number 1e300 is too large",
    "too small": "the number 1e-300 is too small",
    "huge integer": "the number 1000",
    "half a character": "half of a two-part character",
    "a name is empty": "a name is empty",
    "a list": "it has no 'operation', so it is not a spec",
    "no operation": "it has no 'operation', so it is not a spec.",
    "unknown field": """Did you mean "params": {"scael": 2}?""",
    "wrong type": "[2] for 'params': an object in braces is expected",
    "operation is no word": "no operation 'Up Scale!'. Did you mean 'upscale'?",
    "operation is a number": "7 for 'operation': a text is expected",
    "no provider in the list": "[] for 'provider': at least one entry is expected",
    "large metadata": "metadata may have 16,384 bytes",
    "unknown operation": "no operation 'upscaling'. Did you mean 'upscale'?",
    "unknown provider": "no provider 'betta'. Did you mean 'beta'?",
    "one unknown of two": "no provider 'betta'. Did you mean 'beta'?",
    "lacking operation": "alpha does not offer 'upscale'",
    "unknown model": "beta has no model 'beta-9' for 'upscale'. Did you mean 'beta-1'?",
    "unknown parameter": "the field 'scael', which is not known. Did you mean 'scale'?",
    "bad parameter": "3 for 'scale': 2 or 4 is expected",
    "missing parameter": "'prompt' is missing",
    "unknown role": "upscale by beta takes no input 'mask'",
    "missing role": "remove-objects by alpha needs the input 'mask'",
    "too many files": "The input 'image' names 4 files; combine by alpha takes 3",
    "URL as input": "'https://x.y/z.png' is a URL",
    "input outside": "'../../etc/x.png' has an empty, '.' or '..' part",
    "input is a folder": "'folder/' has an empty, '.' or '..' part",
    "operation is abbreviated": "It has 'op'. Did you mean 'operation'?",
    "operation in capitals": "It has 'OPERATION'. Did you mean 'operation'?",
    "operation has another name": "It has 'action'. Did you mean 'operation'?",
    "parameter at the top": """'scale', which is not known. Did you mean "params": {"scale": 4}?""",
    "prompt at the top": """Did you mean "params": {"prompt": "a cat"}?""",
    "mask at the top": """Did you mean "inputs": {"mask": "cat.mask.png"}?""",
    "provider in capitals": "no provider 'BETA'. Did you mean 'beta'?",
    "provider has another name": "the field 'vendor', which is not known. Did you mean 'provider'?",
    "operation with a space": "Did you mean 'remove-background'?",
    "operation with a capital": "no operation 'Upscale'. Did you mean 'upscale'?",
    "number as a text": "\"4\" for 'scale': 2 or 4 is expected",
    "two providers that cannot": "gamma does not offer 'vary'. alpha does not offer 'vary'.",
}
"""What the sentence says about each of them."""


def _failed(harness: PipelineHarness, code: str) -> dict[str, Any]:
    harness.run()
    task = harness.task
    manifest = harness.manifest(task)
    assert (task.state, manifest["status"]) == ("failed", "failed")
    failure: dict[str, Any] = manifest["failure"]
    assert failure["code"] == code
    assert failure["sentence"].strip()
    assert failure["sentence"].endswith((".", "?"))
    assert failure["next_step"].strip()
    assert "Traceback" not in json.dumps(manifest)
    assert manifest["results"] == []
    assert harness.event_kinds(task.task_id) == {"Task Failed"}
    assert harness.providers.charged == []
    assert harness.dead_letters.letters == []
    return failure


@pytest.mark.parametrize("what", BAD_SPECS)
def test_bad_spec_ends_in_a_manifest(harness: PipelineHarness, what: str) -> None:
    """One stable code, one sentence, one event, nothing paid, no dead letter."""
    code, body = BAD_SPECS[what]
    harness.upload(PHOTO)
    harness.upload(SPEC, body)

    assert SAID[what] in _failed(harness, code)["sentence"]


def test_there_are_at_least_40_bad_specs() -> None:
    """Each with what its sentence says."""
    assert len(SAID) >= 40
    assert SAID.keys() == BAD_SPECS.keys()


def test_every_provider_that_refuses_has_its_reason(harness: PipelineHarness) -> None:
    """The user's own choice comes first."""
    harness.upload(PHOTO)
    harness.upload_spec("upscale", provider=["gamma", "beta"], params={"scale": 3})

    sentence = _failed(harness, "bad-params")["sentence"]
    assert sentence.index("gamma") < sentence.index("beta")


def test_every_provider_that_refused_the_call_has_its_reason(harness: PipelineHarness) -> None:
    """The same after the calls, in the order in which the user named them."""
    harness.upload(PHOTO)
    harness.upload_spec("upscale", provider=["gamma", "beta"])
    harness.providers.script(
        "submit",
        ProviderRefused("bad-request", "It takes no cats.", "Name a dog."),
        ProviderRefused("bad-request", "beta takes no pets.", "Name a fish."),
    )

    sentence = _failed(harness, "bad-request")["sentence"]
    assert sentence == "gamma: It takes no cats. beta takes no pets."


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (spec_of("upscale", scael=2), "scael"),
        (spec_of("upscale", provder="beta"), "Did you mean 'provider'?"),
        (spec_of("upscal"), "Did you mean 'upscale'?"),
        (spec_of("upscale", provider="betta"), "Did you mean 'beta'?"),
        (spec_of("upscale", params={"scael": 2}), "Did you mean 'scale'?"),
        (spec_of("upscale", inputs={"imag": "x.png"}), "Did you mean 'image'?"),
    ],
)
def test_misspelt_name_is_answered_with_the_nearest_known_name(
    harness: PipelineHarness, body: bytes, hint: str
) -> None:
    """The sentence names what was found and what was probably meant."""
    harness.upload(PHOTO)
    harness.upload(SPEC, body)

    assert hint in harness.manifest()["failure"]["sentence"]


def test_sentence_names_file_field_and_value(harness: PipelineHarness) -> None:
    """The user sees which file to open and where to look."""
    harness.upload(SPEC, spec_of("upscale", on_unknown="shrug"))

    sentence = harness.manifest()["failure"]["sentence"]
    assert all(word in sentence for word in ("cat.jpg.json", "on_unknown", '"shrug"', "hold"))


@pytest.mark.parametrize("first", ["photo", "spec"])
def test_empty_input_is_waited_for_like_a_missing_one(harness: PipelineHarness, first: str) -> None:
    """An aborted upload is not sent to a provider; the whole file releases the task."""
    if first == "photo":
        harness.upload(PHOTO, b"")
    harness.upload_spec("upscale")
    harness.upload(PHOTO, b"")

    (waiting,) = harness.tasks.all
    assert waiting.state == "waiting"
    assert waiting.wait_reason == f"{PHOTO} is empty (0 bytes); waits until it is uploaded again"
    harness.upload(PHOTO)
    harness.run()
    assert harness.task.state == "succeeded"
    assert harness.tasks.wanted == []


def test_input_that_stays_empty_is_refused_after_a_day(harness: PipelineHarness) -> None:
    """The sentence names it, and nothing was paid."""
    harness.upload_spec("upscale")
    harness.upload(PHOTO, b"")
    harness.clock.advance(harness.limits.inputs_s + 1)
    sweep(harness.ports)

    failure = _failed(harness, "input-empty")
    assert PHOTO in failure["sentence"]
    assert f"darkroom retry {harness.task.task_id}" in failure["next_step"]
    assert harness.tasks.wanted == []


def test_oversized_input_is_refused_with_size_and_limit(harness: PipelineHarness) -> None:
    """The sentence says how large it is and how large it may be."""
    harness.upload(PHOTO, PNG + bytes(20_000))
    harness.upload_spec("upscale")

    sentence = _failed(harness, "input-too-large")["sentence"]
    assert f"{len(PNG) + 20_000:,}" in sentence
    assert "10,000" in sentence


def test_missing_input_is_named_after_a_day(harness: PipelineHarness) -> None:
    """The task gives up and says what it waited for."""
    harness.upload_spec("remove-objects", inputs={"mask": "/masks/cat.png"})
    harness.upload(PHOTO)
    harness.clock.advance(harness.limits.inputs_s + 1)
    sweep(harness.ports)

    assert "masks/cat.png" in _failed(harness, "inputs-missing")["sentence"]


def test_provider_without_a_key_is_refused_with_the_next_step(
    harness: PipelineHarness,
) -> None:
    """If the spec names it, it is refused; otherwise it is skipped."""
    harness.providers.ready = {"alpha", "gamma"}
    harness.upload(PHOTO)
    harness.upload_spec("upscale", provider="beta")

    assert "Set beta up" in _failed(harness, "provider-not-set-up")["next_step"]

    harness.upload_spec("upscale", key="photos/cat.jpg.other.json")
    assert harness.tasks.all[1].resolved_order.providers == ("gamma",)


def test_operation_without_a_set_up_provider_is_refused(harness: PipelineHarness) -> None:
    """The next step names a provider that could do it."""
    harness.providers.ready = {"gamma"}
    harness.upload(PHOTO)
    harness.upload_spec("remove-background")

    assert "Set alpha up" in _failed(harness, "no-provider-set-up")["next_step"]


@pytest.mark.parametrize(
    "stem",
    [
        "photos/my cat.jpg",
        "photos/a+b%20c.jpg",
        "photos/100%.jpg",
        "photos/😀 smile.jpg",
        "photos/ünï/кот.jpg",
        "photos/" + "n" * 800 + ".jpg",
    ],
)
def test_unusual_but_valid_names_work(harness: PipelineHarness, stem: str) -> None:
    """Spaces, plus, percent, emoji and long names are names like any other."""
    harness.upload(stem)
    harness.upload_spec("remove-background", key=f"{stem}.json")
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.task.results[0].key == f"{stem}/remove-background.png"


@pytest.mark.parametrize(
    "stem",
    ["photos/../cat.jpg", "photos//cat.jpg", "./cat.jpg", "n" * 1015 + ".jpg", "_darkroom/x.jpg"],
)
def test_unusable_name_gets_its_manifest_under_the_task_id(
    harness: PipelineHarness, stem: str
) -> None:
    """A name that results cannot bear still gets its manifest."""
    harness.upload(stem)
    harness.upload_spec("remove-background", key=f"{stem}.json")

    _failed(harness, "bad-key")
    assert harness.task.manifest_key == f"_darkroom/{harness.task.task_id}.manifest.json"


def test_invalid_label_is_refused(harness: PipelineHarness) -> None:
    """Results are numbered, so a label may not look like a number."""
    harness.upload(PHOTO)
    harness.upload_spec("remove-background", key="photos/cat.jpg.thumb-2.json")

    _failed(harness, "bad-label")


def test_message_about_a_missing_spec_makes_no_task(harness: PipelineHarness) -> None:
    """There is no name for a manifest: intake sends the message to the dead-letter queue."""
    with pytest.raises(Refused):
        take_arrival(harness.ports, Uploaded("photos/nothing.jpg.json"))
    assert harness.tasks.all == []


@pytest.mark.parametrize("first", ["photo", "spec"])
@pytest.mark.parametrize("key", [PHOTO, SPEC])
def test_unreadable_file_ends_its_task_in_a_manifest(
    harness: PipelineHarness, key: str, first: str
) -> None:
    """Photo or spec, in either order: the manifest says which, and nothing is paid."""
    harness.inputs.unreadable.add(key)
    if first == "photo":
        harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "failed"
    assert harness.manifest()["failure"]["code"] == "input-unreadable"
    assert key in harness.manifest()["failure"]["sentence"]
    assert harness.providers.sent == []


def test_waiting_task_with_an_unreadable_file_ends(
    harness: PipelineHarness,
) -> None:
    """At its deadline, with the reason."""
    harness.upload_spec(SYNC_NONE)
    harness.inputs.unreadable.add(PHOTO)
    harness.put_file(PHOTO)
    harness.clock.advance(harness.limits.inputs_s)
    sweep(harness.ports)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "input-unreadable"
