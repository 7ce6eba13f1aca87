"""SnapAPI's two asynchronous endpoints: status, cancellation, failure, try-on."""

import pytest

from tests.sandbox.client import SandboxClient
from tests.sandbox.images import difference, photo

PHOTO = {"input_image": photo()}


def test_task_goes_from_created_over_processing_to_completed(snapapi: SandboxClient) -> None:
    """Each status has its own fields, and the result is another image."""
    created = snapapi.form("/v1/images/edit-flux", {"prompt": "blue"}, PHOTO).json()
    assert set(created) == {"task_id", "status", "created_at"}
    assert created["status"] == "CREATED"
    task = f"/v1/tasks/{created['task_id']}"

    seen = [snapapi.http.get(task).json()]
    for seconds in (5, 5):
        snapapi.advance(seconds)
        seen.append(snapapi.http.get(task).json())

    assert [one["status"] for one in seen] == ["CREATED", "PROCESSING", "COMPLETED"]
    assert "output_image_url" not in seen[1]
    assert 0 < seen[1]["progress"] < 100
    assert isinstance(seen[1]["started_at"], int)
    assert seen[2]["completed_at"] == created["created_at"] + 10
    assert difference(snapapi.image(seen[2]["output_image_url"]), photo()) > 3
    assert [e["job_id"] for e in snapapi.entries()] == [created["task_id"]]
    assert snapapi.spent() == 18


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        (["cloth_image"], "upper"),
        (["cloth_image"], "full"),
        (["lower_cloth_image"], "lower"),
        (["cloth_image", "lower_cloth_image"], "full"),
    ],
)
def test_try_on_puts_the_garment_on_the_person(
    snapapi: SandboxClient, pieces: list[str], kind: str
) -> None:
    """The result has the person's size and the garment's colour."""
    garment = photo(48, 48)
    garment[garment[:, :, 0] > 200] = (250, 240, 20)
    files = {"model_image": photo(64, 96), **dict.fromkeys(pieces, garment)}
    created = snapapi.form("/v1/images/try-on", {"cloth_type": kind}, files).json()
    snapapi.advance(10)

    task = snapapi.http.get(f"/v1/tasks/{created['task_id']}").json()
    result = snapapi.image(task["output_image_url"])
    assert result.shape == (96, 64, 3)
    yellow = (result[:, :, 0] > 220) & (result[:, :, 1] > 200) & (result[:, :, 2] < 80)
    assert yellow.any()
    assert snapapi.spent() == 17


def test_task_can_be_cancelled_until_it_ends(snapapi: SandboxClient) -> None:
    """Cancelling is final; a finished task refuses; an unknown one is a 404."""
    created = snapapi.form("/v1/images/edit-flux", {"prompt": "blue"}, PHOTO).json()
    path = f"/v1/tasks/{created['task_id']}"
    number = created["task_id"].removeprefix("task_")
    assert snapapi.http.delete(path).json() == {"message": f"task {number} cancelled"}
    snapapi.advance(10)
    assert snapapi.http.get(path).json()["status"] == "CANCELLED"

    other = snapapi.form("/v1/images/edit-flux", {"prompt": "blue"}, PHOTO).json()
    snapapi.advance(10)
    assert snapapi.http.delete(f"/v1/tasks/{other['task_id']}").status_code == 400
    assert snapapi.http.delete("/v1/tasks/task_unknown").status_code == 404


def test_task_that_never_starts_fails_after_two_minutes(snapapi: SandboxClient) -> None:
    """The status call itself fails a task that is still CREATED after 120 seconds."""
    snapapi.fault({"job": "stall"})
    created = snapapi.form("/v1/images/edit-flux", {"prompt": "blue"}, PHOTO).json()
    path = f"/v1/tasks/{created['task_id']}"
    snapapi.advance(119)
    assert snapapi.http.get(path).json()["status"] == "CREATED"
    snapapi.advance(2)

    task = snapapi.http.get(path).json()
    assert task["status"] == "FAILED"
    assert task["error_msg"]


@pytest.mark.parametrize(("effect", "spent"), [({}, 18), ({"refund": True}, 0)])
def test_failed_task_is_refunded_only_by_a_fault(
    snapapi: SandboxClient, effect: dict[str, bool], spent: int
) -> None:
    """No refund is documented, so by default there is none."""
    snapapi.fault({"job": "fail", **effect})
    created = snapapi.form("/v1/images/edit-flux", {"prompt": "blue"}, PHOTO).json()
    snapapi.advance(10)

    task = snapapi.http.get(f"/v1/tasks/{created['task_id']}").json()
    assert task["status"] == "FAILED"
    assert snapapi.spent() == spent
