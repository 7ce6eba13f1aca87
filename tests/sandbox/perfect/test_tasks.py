"""Perfect's tasks: which are accepted, and how they end."""

from typing import Any

import pytest

from tests.sandbox.images import as_png, disc, photo
from tests.sandbox.perfect.client import API, TASKS, PerfectClient, task_of

INVALID = {"status": 400, "error": "Invalid parameter value", "error_code": "InvalidParameters"}


@pytest.fixture
def src(perfect: PerfectClient) -> str:
    """Give the id of an uploaded photo."""
    return perfect.upload("sod", photo())


def test_task_goes_from_running_to_success(perfect: PerfectClient, src: str) -> None:
    """Responses have exactly the documented fields, and the action's id is echoed."""
    accepted = perfect.run("sod", src=src, action_id=7)
    running = perfect.poll("sod", task_of(accepted)).json()
    ended = perfect.finished("sod", accepted)

    assert set(accepted.json()) == {"status", "result"}
    assert set(accepted.json()["result"]) == {"task_id"}
    assert running == {"status": 200, "result": {"polling_interval": 1000, "status": "running"}}
    assert set(ended) == {"polling_interval", "status", "results"}
    (result,) = ended["results"]
    assert set(result) == {"id", "data"}
    assert result["id"] == 7
    assert set(result["data"][0]) == {"dst_id", "url"}


def test_task_id_must_be_encoded_in_the_query(perfect: PerfectClient, src: str) -> None:
    """It contains "+", which is a space in a query."""
    task_id = task_of(perfect.run("sod", src=src))
    raw = perfect.http.get(f"{API}/task/sod?task_id={task_id}")

    assert len(task_id) == 64
    assert {"+", "/"} <= set(task_id)
    assert raw.json()["error_code"] == "InvalidTaskId"
    assert perfect.poll("sod", task_id).status_code == 200


@pytest.mark.parametrize(("job_s", "interval"), [(30, 1000), (1.5, 500), (0.1, 100), (0, 100)])
def test_polling_interval_of_short_jobs_is_shorter(
    perfect: PerfectClient, src: str, job_s: float, interval: int
) -> None:
    """`polling_interval` is in milliseconds, a second for real durations."""
    perfect.set_job_s(job_s)
    response = perfect.poll("sod", task_of(perfect.run("sod", src=src))).json()

    assert response["result"]["polling_interval"] == interval


def _body(**changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {"file_sets": {"src_ids": ["x"]}, "actions": [{"id": 0}]}
    payload |= changes.pop("payload", {})
    body = {"request_id": 1, "payload": payload} | changes
    return {name: value for name, value in body.items() if value is not None}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        _body(request_id=None),
        _body(request_id="1"),
        _body(request_id=-1),
        _body(request_id=True),
        _body(request_id=1.5),
        {"request_id": 1},
        _body(payload={"file_sets": {}}),
        _body(payload={"file_sets": {"src_ids": []}}),
        _body(payload={"file_sets": {"src_ids": ["x", "y"]}}),
        _body(payload={"file_sets": {"src_ids": "x"}}),
        _body(payload={"file_sets": {"src_ids": [5]}}),
        _body(payload={"actions": []}),
        _body(payload={"actions": [{"id": 0}, {"id": 1}]}),
        _body(payload={"actions": [{}]}),
        _body(payload={"actions": [{"id": "0"}]}),
        _body(payload={"output_ext": "jpg"}),
        _body(payload={"output_ext": "gif"}),
    ],
)
def test_invalid_body_is_refused(perfect: PerfectClient, body: Any) -> None:
    """One action, one file, an integer request id, an output format of the feature."""
    response = perfect.post_task("sod", body)

    assert response.status_code == 400
    assert response.json() == INVALID


def test_invalid_json_is_refused(perfect: PerfectClient) -> None:
    """It has the same code."""
    response = perfect.http.post(f"{API}/task/sod", content="{")

    assert response.json() == INVALID


@pytest.mark.parametrize(
    ("feature", "options"),
    [
        ("enhance", {}),
        ("enhance", {"params": {"scale": 3}}),
        ("enhance", {"params": {"scale": "2"}}),
        ("enhance", {"params": {"scale": True}}),
        ("enhance", {"params": {"scale": 2}, "output_ext": "png"}),
        ("aging", {"output_ext": "webp"}),
        ("obj-rem", {}),
        ("mu-trans-rec", {}),
        ("hair-style", {}),
        ("hair-style", {"params": {"style_group_id": 1}}),
        ("hair-style", {"params": {"style_ids": [1]}}),
        ("hair-style", {"params": {"style_group_id": 1, "style_ids": []}}),
        ("hair-style", {"params": {"style_group_id": 1, "style_ids": [1, 2]}}),
        ("hair-style", {"params": {"style_group_id": "1", "style_ids": [1]}}),
        ("text-to-image", {"params": {"style_group_id": 1, "style_ids": [1]}}),
        ("text-to-image", {"params": {"style_group_id": 1, "style_ids": [1], "prompt": ""}}),
        ("text-to-image", {"params": {"prompt": "a kite"}}),
    ],
)
def test_required_params_of_a_feature_are_required(
    perfect: PerfectClient, src: str, feature: str, options: dict[str, Any]
) -> None:
    """Scale, styles, prompt, mask and reference, each where the document marks it."""
    response = perfect.run(feature, src=src, **options)

    assert response.status_code == 400
    assert response.json() == INVALID


def test_unknown_params_are_ignored(perfect: PerfectClient, src: str) -> None:
    """Clients send `scale` to the background removal."""
    assert perfect.result_image("sod", src=src, params={"scale": 2}).shape == (64, 96, 4)


@pytest.mark.parametrize("feature", ["hair-ext", "hair-bang", "hair-vol"])
def test_three_features_need_no_request_id(perfect: PerfectClient, src: str, feature: str) -> None:
    """It is not marked as required there; without one every request is a new task."""
    action = {"id": 0, "params": perfect.style(feature)}
    body = {"payload": {"file_sets": {"src_ids": [src]}, "actions": [action]}}
    first, second = (task_of(perfect.post_task(feature, body)) for _ in range(2))

    assert first != second


@pytest.mark.parametrize("task_id", ["", "unknown"])
def test_unknown_task_is_invalid(perfect: PerfectClient, task_id: str) -> None:
    """With the same code as a lost one."""
    assert perfect.poll("sod", task_id).json()["error_code"] == "InvalidTaskId"


def test_task_is_unknown_to_other_features(perfect: PerfectClient, src: str) -> None:
    """Another feature does not know it."""
    task_id = task_of(perfect.run("sod", src=src))

    assert perfect.poll("enhance", task_id).json()["error_code"] == "InvalidTaskId"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no image", "error_decode_image"),
        (b"", "error_decode_image"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "error_decode_image"),
        (as_png(photo(5, 4097)), "exceed_max_filesize"),
        (as_png(photo()) + bytes(10 * 1024 * 1024), "exceed_max_filesize"),
    ],
    ids=["text", "empty", "heic", "too long", "too many bytes"],
)
def test_unsuitable_image_is_an_engine_error(
    perfect: PerfectClient, content: bytes, code: str
) -> None:
    """The task is accepted, ends in status `error` at HTTP 200, and costs nothing."""
    accepted = perfect.run("sod", src=perfect.upload("sod", content))
    ended = perfect.finished("sod", accepted)

    assert ended == {"polling_interval": 1000, "status": "error", "error": code, "results": []}
    assert perfect.entries() == []


@pytest.mark.parametrize("feature", ["hair-style", "hair-ext", "hair-bang", "hair-vol"])
def test_hair_features_take_smaller_images(perfect: PerfectClient, feature: str) -> None:
    """The maximum side is 1024 there and for makeup."""
    largest, larger = (perfect.upload(feature, photo(6, edge)) for edge in (1024, 1025))
    params = perfect.style(feature)

    assert perfect.result_image(feature, src=largest, params=params).shape == (1024, 6, 3)
    too_large = perfect.run(feature, src=larger, params=params)
    assert perfect.error(feature, too_large) == "exceed_max_filesize"


def test_mask_must_have_the_size_of_its_source(perfect: PerfectClient, src: str) -> None:
    """Another size, or no image, is an engine error."""
    other = perfect.upload("obj-rem", disc(95, 64))
    broken = perfect.upload("obj-rem", b"no image")

    assert _removal_error(perfect, src, other) == "invalid_parameter"
    assert _removal_error(perfect, src, broken) == "error_decode_mask"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({}, "error_inference"),
        ({"body": "error_no_face"}, "error_no_face"),
        ({"body": "a_code_of_tomorrow"}, "a_code_of_tomorrow"),
    ],
)
def test_fault_fails_a_job_with_any_code(
    perfect: PerfectClient, src: str, fault: dict[str, str], code: str
) -> None:
    """The fault's body is the engine's code."""
    perfect.fault({"job": "fail", **fault}, TASKS)

    assert perfect.error("sod", perfect.run("sod", src=src)) == code
    assert perfect.entries() == []


@pytest.mark.parametrize("job_fault", ["hang", "stall"])
def test_fault_keeps_a_job_running(perfect: PerfectClient, src: str, job_fault: str) -> None:
    """It is running as long as it is polled."""
    perfect.fault({"job": job_fault}, TASKS)
    task_id = task_of(perfect.run("sod", src=src))
    for _ in range(20):
        perfect.advance(9)
        assert perfect.poll("sod", task_id).json()["result"]["status"] == "running"


def _removal_error(perfect: PerfectClient, src: str, mask: str) -> str:
    return perfect.error("obj-rem", perfect.run("obj-rem", src=src, mask=mask))
