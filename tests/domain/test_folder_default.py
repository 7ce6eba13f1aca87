"""What a `_darkroom.json` may say, and how a photo's spec is merged from several of them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import DefaultRefused, SpecRefused
from darkroom.domain.folder_default import DefaultFile, FolderDefault, read_default
from darkroom.domain.folder_match import is_match, settle_s, why_left_alone
from darkroom.domain.merged_spec import (
    Layer,
    blame,
    check_merged,
    labels_of,
    layers_of,
    merge,
    own_layer,
)
from darkroom.domain.object_keys import DEFAULT_NAME, default_keys, is_spec_of, spec_key
from darkroom.domain.spec import Spec
from tests.domain.strategies import JSON_VALUES, KEYS

NEAR = "photos/new/_darkroom.json"
FAR = "photos/_darkroom.json"
ROOT = "_darkroom.json"


def read(document: Any, key: str = FAR) -> DefaultFile:
    """The folder default in version `v1`."""
    return read_default(json.dumps(document).encode(), key, "v1")


def refusal(document: Any) -> str:
    """The code, sentence and next step with which it is refused."""
    with pytest.raises(DefaultRefused) as error:
        read(document)
    failure = error.value.failure
    assert (error.value.key, error.value.version_id) == (FAR, "v1")
    assert failure.sentence.startswith(FAR)
    return f"{failure.code}: {failure.sentence} {failure.next_step}"


def test_default_has_every_field_of_a_spec() -> None:
    """Only the operation is not required."""
    assert FolderDefault.model_fields.keys() >= Spec.model_fields.keys()
    assert read({}).fields == {}


def test_full_default_is_read() -> None:
    """What says when a batch ends is kept as it is."""
    document = {
        "operation": "upscale",
        "provider": ["snapapi", "goapi"],
        "model": "x",
        "params": {"scale": 2},
        "metadata": {"sku": "A"},
        "priority": 0,
        "on_unknown": "fail",
        "output": {"name": "{stem}", "folder": "/done"},
        "match": ["*.jpg", "raw/**/*.png"],
        "exclude": [],
        "settle_s": 0,
        "expect": 200,
        "until": "_END",
        "quiet_s": 600,
    }
    assert read(document).fields == document


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"opration": "x"}, "Did you mean 'operation'?"),
        ({"specs": [{"label": "a", "parms": {}}]}, "Did you mean 'params'?"),
        ({"specs": [{"label": "a", "match": ["x"]}]}, "'specs.0.match'"),
        ({"specs": [{"operation": "upscale"}]}, "'specs.0.label' is missing"),
        ({"specs": [{"label": "a-1"}]}, "lower-case letters, digits and hyphens"),
        ({"specs": [{"label": "a"}, {"label": "a"}]}, "two specs have the label 'a'"),
        ({"specs": []}, "at least one entry"),
        ([{"label": str(n)} for n in range(21)], "at most 20"),
        ({"match": "*.jpg"}, "'match'"),
        ({"match": ["/x"]}, "relative to the folder"),
        ({"exclude": ["../x"]}, "relative to the folder"),
        ({"settle_s": 901}, "less than or equal to 900"),
        ({"settle_s": "10"}, "a whole number"),
        ({"expect": 0}, "'expect'"),
        ({"priority": 10}, "'priority'"),
        ({"inputs": {"mask": "../x.png"}}, "bad-input-path"),
        ({"inputs": {"mask": "https://a.example/x.png"}}, "is a URL"),
        ({"output": {"name": "{stm}"}}, "Did you mean 'stem'?"),
        ({"output": None}, "an object in braces"),
        ({"metadata": {"x": "y" * 20_000}}, "metadata may have"),
        (7, "neither an object nor a list"),
    ],
)
def test_default_is_read_as_strictly_as_a_spec(document: Any, words: str) -> None:
    """The sentence begins with the file's key, and names the field."""
    assert words in refusal(document)


def test_nearest_file_wins_field_by_field() -> None:
    """`params` and `inputs` are merged by name; every value keeps its file."""
    near = read({"params": {"scale": 4}, "priority": 1}, NEAR)
    far = read({"operation": "upscale", "params": {"scale": 2, "face": True}, "priority": 9})
    root = read({"provider": "snapapi", "metadata": {"a": 1}}, ROOT)
    merged = merge(layers_of([near, far, root], None))

    assert merged.document == {
        "operation": "upscale",
        "provider": "snapapi",
        "params": {"scale": 4, "face": True},
        "metadata": {"a": 1},
        "priority": 1,
    }
    assert merged.origins == {
        "operation": FAR,
        "provider": ROOT,
        "params.scale": NEAR,
        "params.face": FAR,
        "metadata": ROOT,
        "priority": NEAR,
    }


def test_inputs_are_relative_to_the_folder_of_their_file() -> None:
    """Whatever folder the photo is in."""
    near = read({"inputs": {"mask": "m.png"}}, NEAR)
    far = read({"inputs": {"mask": "n.png", "image": ["a.jpg", "/b.jpg"]}})
    merged = merge(layers_of([near, far], None))

    assert merged.document["inputs"] == {
        "mask": "/photos/new/m.png",
        "image": ["/photos/a.jpg", "/b.jpg"],
    }


def test_list_says_which_labels_there_are() -> None:
    """Nearer objects override its entries, its own object and farther ones fill them."""
    near = read({"priority": 1}, NEAR)
    listed = read(
        {
            "params": {"scale": 2},
            "priority": 8,
            "specs": [
                {"label": "large", "operation": "upscale", "priority": 9},
                {"label": "plain", "operation": "remove-background"},
            ],
        }
    )
    root = read([{"label": "other", "operation": "colorize"}], ROOT)
    chain = [near, listed, root]

    assert labels_of(chain) == ("large", "plain")
    large, plain = (merge(layers_of(chain, label)).document for label in labels_of(chain))
    assert large == {"operation": "upscale", "priority": 1, "params": {"scale": 2}}
    assert plain == {"operation": "remove-background", "priority": 1, "params": {"scale": 2}}


def test_own_spec_takes_the_entry_of_its_label_or_the_objects_alone() -> None:
    """A label that the list has not is filled from the objects."""
    chain = [read({"provider": "goapi", "specs": [{"label": "large", "priority": 9}]})]
    own = own_layer({"operation": "upscale"}, "photos/cat.jpg.large.json")

    with_entry = merge([own, *layers_of(chain, "large")]).document
    without = merge([own, *layers_of(chain, "thumb")]).document
    assert with_entry == {"operation": "upscale", "priority": 9, "provider": "goapi"}
    assert without == {"operation": "upscale", "provider": "goapi"}


def test_what_depends_on_another_operation_or_provider_is_not_taken() -> None:
    """The params, inputs and models of one mean nothing to another."""
    own = Layer("photos/cat.jpg.json", {"operation": "hairstyle", "provider": "perfect"})
    other = read(
        {
            "operation": "upscale",
            "model": "x",
            "params": {"scale": 2},
            "inputs": {"mask": "m.png"},
            "priority": 3,
        }
    )
    third = read({"provider": "goapi", "model": "y", "params": {"a": 1}}, ROOT)

    assert merge([own, *layers_of([other, third], None)]).document == {
        "operation": "hairstyle",
        "provider": "perfect",
        "priority": 3,
        "params": {"a": 1},
    }


def test_null_says_that_there_is_no_preference() -> None:
    """A nearer file undoes what a farther one says; an operation cannot be undone."""
    near = read({"provider": None, "operation": None}, NEAR)
    far = read({"provider": "goapi", "operation": "upscale"})
    merged = merge(layers_of([near, far], None))

    assert merged.document == {"provider": None, "operation": "upscale"}
    assert check_merged(merged, "x").preferred == ()


def test_merged_spec_without_an_operation_is_none() -> None:
    """As JSON that is no spec."""
    with pytest.raises(SpecRefused) as error:
        check_merged(merge([]), "cat.jpg.json")
    assert error.value.failure.code == "not-a-spec"


def test_blame_finds_the_file_of_the_field_that_a_sentence_names() -> None:
    """Else that of the operation."""
    near = read({"params": {"scale": 4}}, NEAR)
    far = read({"operation": "upscale", "provider": "goapi"})
    merged = merge(layers_of([near, far], None))

    def about(code: str, sentence: str) -> str | None:
        return blame(SpecRefused(code, sentence), merged)

    assert about("bad-params", "The params have 4 for 'scale': too much.") == NEAR
    assert about("bad-params", "The params lack something.") == NEAR
    assert about("operation-not-offered", "goapi does not offer 'upscale'.") == FAR
    assert about("missing-role", "upscale needs the input 'mask'.") == FAR


@pytest.mark.parametrize(
    ("glob", "key", "expected"),
    [
        ("*.jpg", "photos/a/b/CAT.JPG", True),
        ("*.jpg", "photos/cat.jpg.png", False),
        ("*.MASK.*", "photos/cat.mask.png", True),
        ("_*", "photos/_a/cat.jpg", False),
        ("raw/*.jpg", "photos/raw/cat.jpg", True),
        ("raw/*.jpg", "photos/raw/x/cat.jpg", False),
        ("raw/*.jpg", "photos/x/raw/cat.jpg", False),
        ("raw/**", "photos/raw/x/cat.jpg", True),
        ("**/raw/*.jpg", "photos/raw/cat.jpg", True),
        ("**/raw/**/*.jpg", "photos/x/raw/y/z/cat.jpg", True),
        ("cat.[jp]*", "photos/cat.png", True),
        ("cat.?pg", "photos/cat.jpg", True),
    ],
)
def test_glob(glob: str, key: str, expected: bool) -> None:  # noqa: FBT001 - a value of the table
    """Without a slash it is compared with the name, else with the path from its folder."""
    assert is_match(glob, key, "photos/") is expected


def test_file_names_what_it_leaves_alone() -> None:
    """The nearest `match` and `exclude` count, each from the folder of its file."""
    near = read({"match": ["*.jpg", "*.png"]}, NEAR)
    far = read({"operation": "upscale", "match": ["*.webp"], "exclude": ["new/draft*"]})
    chain = [near, far]

    assert why_left_alone(chain, "photos/new/cat.jpg") is None
    assert why_left_alone(chain, "photos/new/a.mask.png") is None
    left = {
        photo: why_left_alone(chain, f"photos/new/{photo}") for photo in ("cat.webp", "draft1.jpg")
    }
    assert left["cat.webp"]
    assert (left["cat.webp"].key, "'*.jpg', '*.png'" in left["cat.webp"].sentence) == (NEAR, True)
    assert left["draft1.jpg"]
    assert left["draft1.jpg"].key == FAR
    assert settle_s(chain) == 10
    assert why_left_alone([], "photos/cat.jpg")


FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "operation": st.sampled_from(["a", "b", None]),
    "provider": st.sampled_from(["p", ["p", "q"], None]),
    "model": st.sampled_from(["m", "n"]),
    "params": st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=3),
    "inputs": st.dictionaries(st.sampled_from("rs"), st.sampled_from(["f", "/g"]), max_size=2),
    "output": st.fixed_dictionaries({}, optional={"name": st.sampled_from(["{stem}", "{n}"])}),
    "metadata": st.dictionaries(st.sampled_from("uv"), st.integers(0, 9), max_size=2),
    "priority": st.integers(0, 9),
    "settle_s": st.integers(0, 900),
}
OBJECTS = st.fixed_dictionaries({}, optional=dict(FIELDS))
ENTRIES = st.fixed_dictionaries({}, optional={k: v for k, v in FIELDS.items() if k != "settle_s"})
FILES = st.builds(
    lambda fields, specs: (
        fields
        | ({"specs": [{"label": f"l{n}", **spec} for n, spec in enumerate(specs)]} if specs else {})
    ),
    OBJECTS,
    st.lists(ENTRIES, max_size=2),
)
CHAINS = st.lists(FILES, max_size=3).map(
    lambda files: [read(file, "x/" * (3 - at) + DEFAULT_NAME) for at, file in enumerate(files)]
)


@given(CHAINS, ENTRIES)
def test_every_value_comes_from_the_file_that_it_names(chain: Any, own: Any) -> None:
    """And no nearer file says anything else, unless it is about another operation or provider."""
    for label in labels_of(chain):
        layers = [own_layer(own, "x/x/x/cat.jpg.json"), *layers_of(chain, label)]
        merged = merge(layers)
        operation = merged.document.get("operation")
        for at, key in merged.origins.items():
            field, _, name = at.partition(".")
            value = merged.document[field][name] if name else merged.document[field]
            said = [
                layer
                for layer in layers
                if field in layer.fields
                and (not name or name in layer.fields[field])
                and not (field == "operation" and layer.fields[field] is None)
            ]
            if field in ("operation", "provider", "metadata", "priority", "output"):
                assert said[0].key == key
            giving = [layer for layer in said if layer.key == key]
            assert value in [
                layer.fields[field][name] if name else layer.fields[field] for layer in giving
            ]
            if field in ("params", "inputs", "model"):
                assert any(layer.fields.get("operation") in (None, operation) for layer in giving)


@given(CHAINS, ENTRIES)
def test_merged_spec_is_right_whenever_its_parts_are(chain: Any, own: Any) -> None:
    """Nothing but the operation can be missing from it."""
    for label in labels_of(chain):
        merged = merge([own_layer(own, "x/x/x/cat.jpg.json"), *layers_of(chain, label)])
        if merged.document.get("operation"):
            assert check_merged(merged, "x").operation == merged.document["operation"]


@given(CHAINS)
def test_own_spec_that_says_everything_is_what_is_merged(chain: Any) -> None:
    """Beyond params, inputs and output, which are merged by name."""
    own = {
        "operation": "a",
        "provider": "p",
        "model": "z",
        "metadata": {},
        "priority": 1,
        "on_unknown": "hold",
    }
    merged = merge([own_layer(own, "cat.jpg.json"), *layers_of(chain, None)]).document
    assert {name: merged[name] for name in own} == own
    assert set(merged) - set(own) <= {"params", "inputs", "output"}


@given(st.one_of(JSON_VALUES, FILES))
def test_any_json_is_read_or_refused(document: Any) -> None:
    """With a sentence that names the file, and never with another error."""
    try:
        body = json.dumps(document).encode()
        read_default(body, FAR, "v1")
    except DefaultRefused as error:
        assert error.failure.sentence.startswith(FAR)  # noqa: PT017 - most documents are refused


@given(KEYS)
def test_keys_of_defaults_go_up_to_the_root(key: str) -> None:
    """At most eight, each once, each in a folder that holds the file."""
    keys = default_keys(key)
    assert len(set(keys)) == len(keys) <= 8
    assert all(key.startswith(at.removesuffix(DEFAULT_NAME)) for at in keys)
    assert len(keys) == min(8, key.count("/") + 1)
    if key.count("/") < 8:
        assert keys[-1] == DEFAULT_NAME


@pytest.mark.parametrize(
    ("key", "own"),
    [
        ("photos/cat.jpg.json", True),
        ("photos/cat.jpg.thumb.json", True),
        ("photos/cat.jpg.BAD.json", True),
        ("photos/cat.jpg.png.json", False),
        ("photos/cat.jpg.a.b.json", False),
        ("photos/cat.jpg.mask.png", False),
        ("photos/cat.jpg.x/y.json", False),
        ("photos/cat.jpgx.json", False),
    ],
)
def test_own_spec_of_a_photo_is_known_by_its_name(key: str, own: bool) -> None:  # noqa: FBT001 - a value of the table
    """One with an unusable label, too: it says what its photo's owner wants."""
    assert is_spec_of(key, "photos/cat.jpg") is own
    assert is_spec_of(spec_key("photos/cat.jpg", "thumb"), "photos/cat.jpg")
