"""Perfect's files: registration, the signed upload, retention, and results by URL and id."""

from typing import Any

import httpx
import pytest

from tests.sandbox.images import as_png, difference, photo, read
from tests.sandbox.perfect_client import (
    API,
    TASKS,
    PerfectClient,
    encoded,
    task_of,
)

DAY_S = 24 * 3600
FEATURES_WITH_FILES = [
    "hair-style",
    "wig",
    "hair-ext",
    "hair-bang",
    "hair-vol",
    "aging",
    "mu-trans-rec",
    "mu-transfer",
    "obj-rem",
    "obj-removal",
    "colorize",
    "sod",
    "enhance",
]


@pytest.mark.parametrize("feature", FEATURES_WITH_FILES)
def test_a_registration_answers_as_documented(perfect: PerfectClient, feature: str) -> None:
    """It echoes the file and gives an id and one PUT with the type as its only header."""
    entry = perfect.register(feature, "image/jpg")

    assert set(entry) == {"content_type", "file_name", "file_id", "requests"}
    assert (entry["content_type"], entry["file_name"]) == ("image/jpg", "a file")
    assert len(entry["file_id"]) == 64
    assert {"+", "/"} <= set(entry["file_id"])
    (request,) = entry["requests"]
    assert set(request) == {"headers", "url", "method"}
    assert request["method"] == "PUT"
    assert request["headers"] == {"Content-Type": "image/jpg"}


def test_several_files_are_registered_at_once(perfect: PerfectClient) -> None:
    """Each has its own id and place, in the order asked for."""
    files = [{"content_type": "image/png", "file_name": f"{n}.png"} for n in range(3)]
    answer = perfect.http.post(f"{API}/file/mu-trans-rec", json={"files": files}).json()

    made = answer["result"]["files"]
    assert [one["file_name"] for one in made] == ["0.png", "1.png", "2.png"]
    assert len({one["file_id"] for one in made}) == 3
    assert len({one["requests"][0]["url"] for one in made}) == 3


def test_the_later_path_declares_and_signs_the_size(perfect: PerfectClient) -> None:
    """v1.1 asks for `file_size`, and the upload must have it."""
    file = {"content_type": "image/png", "file_name": "a.png"}
    without = perfect.http.post("/s2s/v1.1/file/sod", json={"files": [file]})
    answer = perfect.http.post("/s2s/v1.1/file/sod", json={"files": [{**file, "file_size": 5}]})
    (request,) = answer.json()["result"]["files"][0]["requests"]

    assert without.status_code == 400
    assert request["headers"] == {"Content-Type": "image/png", "Content-Length": "5"}
    assert _put(perfect, request, b"1234").status_code == 403
    assert _put(perfect, request, b"12345").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"files": []},
        {"files": [{"content_type": "image/png"}]},
        {"files": [{"file_name": "a.png"}]},
        {"files": [{"content_type": "image/heic", "file_name": "a.heic"}]},
        {"files": [{"content_type": "image/tiff", "file_name": "a.tiff"}]},
        {"files": {"content_type": "image/png", "file_name": "a.png"}},
    ],
)
def test_a_registration_that_does_not_fit_is_invalid(perfect: PerfectClient, body: Any) -> None:
    """Both fields are required, and the type is one of the documented ones."""
    answer = perfect.http.post(f"{API}/file/sod", json=body)

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "InvalidParameters"


@pytest.mark.parametrize("form", ["TIFF", "GIF"])
def test_makeup_takes_more_types(perfect: PerfectClient, form: Any) -> None:
    """TIFF and GIF are registered and read there, and read nowhere else."""
    content = encoded(photo(), form)
    mime = f"image/{form.lower()}"
    reference = perfect.upload("mu-trans-rec", content, mime)
    source = perfect.upload("mu-trans-rec", content, mime)
    disguised = perfect.upload("sod", content)

    assert perfect.made("mu-trans-rec", src=source, ref=reference).shape == (64, 96, 3)
    assert perfect.error("sod", perfect.run("sod", src=disguised)) == "error_decode_image"


@pytest.mark.parametrize("path", ["file/nobody", "file/text-to-image", "task/nobody", "nothing"])
def test_an_unknown_path_is_not_found(perfect: PerfectClient, path: str) -> None:
    """Also where a feature has no such endpoint; the envelope is the usual one."""
    answer = perfect.http.post(f"{API}/{path}", json={})

    assert answer.status_code == 404
    assert answer.json() == {"status": 404, "error": "Not Found"}


def test_an_upload_needs_the_type_that_was_signed(perfect: PerfectClient) -> None:
    """Another type, or none, is refused as the object store does, in XML."""
    (request,) = perfect.register("sod")["requests"]
    other = perfect.keyless.put(
        request["url"], headers={"Content-Type": "image/jpeg"}, content=b"x"
    )
    none = perfect.keyless.put(request["url"], content=b"x")

    assert other.status_code == none.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in other.text


def test_an_upload_asks_for_no_token_and_minds_none(perfect: PerfectClient) -> None:
    """An `Authorization` header changes nothing."""
    (request,) = perfect.register("sod")["requests"]
    headers = {**request["headers"], "Authorization": "Bearer nonsense"}

    assert (
        perfect.keyless.put(request["url"], headers=headers, content=as_png(photo())).status_code
        == 200
    )


def test_an_upload_url_cannot_be_altered(perfect: PerfectClient) -> None:
    """Neither the signature, nor its end, nor the place."""
    (request,) = perfect.register("sod")["requests"]
    url = httpx.URL(request["url"])
    altered = [
        url.copy_remove_param("signature"),
        url.copy_set_param("signature", "é"),
        url.copy_set_param("expires", "9999999999"),
        url.copy_with(path=url.path + "0"),
    ]

    for one in altered:
        put = perfect.keyless.put(one, headers=request["headers"], content=b"x")
        assert put.status_code == 403, one


def test_an_upload_url_ends_after_an_hour(perfect: PerfectClient) -> None:
    """Then it is refused."""
    (request,) = perfect.register("sod")["requests"]
    perfect.advance(3600)
    answer = _put(perfect, request, as_png(photo()))

    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text


def test_a_chunked_upload_is_refused(perfect: PerfectClient) -> None:
    """The object store wants to know the length beforehand."""
    (request,) = perfect.register("sod")["requests"]
    answer = _put(perfect, request, iter([b"some ", b"bytes"]))

    assert answer.status_code == 501
    assert "<Code>NotImplemented</Code>" in answer.text


def test_a_file_is_kept_for_a_day(perfect: PerfectClient) -> None:
    """A task that comes later cannot download it."""
    src = perfect.upload("sod", photo())
    perfect.advance(DAY_S - 60)
    perfect.sign_in()
    assert perfect.made("sod", src=src).shape == (64, 96, 4)
    perfect.advance(60)

    assert perfect.error("sod", perfect.run("sod", src=src)) == "error_download_image"


def test_a_file_that_is_not_there_fails_the_task(perfect: PerfectClient) -> None:
    """An unknown id is accepted and cannot be downloaded; one without bytes ends as other."""
    registered = perfect.register("obj-rem")["file_id"]
    there = perfect.upload("obj-rem", photo())

    def code(src: str, mask: str) -> str:
        return perfect.error("obj-rem", perfect.run("obj-rem", src=src, mask=mask))

    assert code("unknown", there) == "error_download_image"
    assert code(there, "unknown") == "error_download_mask"
    assert code(registered, there) == "unknown_internal_error"
    assert perfect.entries() == []


def test_a_results_url_is_good_for_two_hours_and_given_anew(perfect: PerfectClient) -> None:
    """Asking again gives a fresh one for the same file."""
    accepted = perfect.run("sod", src=perfect.upload("sod", photo()))
    first = perfect.finished("sod", accepted)["results"][0]["data"][0]
    perfect.advance(7199)
    assert perfect.keyless.get(first["url"]).status_code == 200
    perfect.advance(1)
    assert perfect.keyless.get(first["url"]).status_code == 403
    perfect.sign_in()
    again = perfect.ask("sod", task_of(accepted)).json()["result"]["results"][0]["data"][0]

    assert again["dst_id"] == first["dst_id"]
    assert perfect.keyless.get(again["url"]).status_code == 200
    assert perfect.spent() == 1


def test_a_result_is_a_source_for_thirty_days(perfect: PerfectClient) -> None:
    """Its id goes into another task without an upload, of another feature too."""
    (cut,) = perfect.results("sod", src=perfect.upload("sod", photo()), output_ext="webp")
    assert len(cut["dst_id"]) == 44
    perfect.advance(29 * DAY_S)
    perfect.sign_in()
    larger = perfect.made("enhance", src=cut["dst_id"], params={"scale": 2})
    assert larger.shape == (128, 192, 3)
    perfect.advance(DAY_S)
    perfect.sign_in()
    late = perfect.run("enhance", src=cut["dst_id"], params={"scale": 2})

    assert perfect.error("enhance", late) == "error_download_image"


def test_an_old_task_is_forgotten_with_its_results(perfect: PerfectClient) -> None:
    """After thirty days its id is invalid."""
    accepted = perfect.run("sod", src=perfect.upload("sod", photo()))
    perfect.finished("sod", accepted)
    perfect.advance(30 * DAY_S)
    perfect.sign_in()

    assert perfect.ask("sod", task_of(accepted)).json()["error_code"] == "InvalidTaskId"


@pytest.mark.parametrize(("fault", "status"), [({}, 404), ({"status": 410}, 410)])
def test_a_result_can_be_gone(perfect: PerfectClient, fault: Any, status: int) -> None:
    """The task succeeds and is charged, its file cannot be had."""
    src = perfect.upload("sod", photo())
    perfect.fault({"result": "gone", **fault}, TASKS)
    (one,) = perfect.results("sod", src=src)

    assert perfect.keyless.get(one["url"]).status_code == status
    assert perfect.spent() == 1


@pytest.mark.parametrize("output_ext", ["jpg", "png"])
def test_a_result_can_be_large(perfect: PerfectClient, output_ext: str) -> None:
    """It has so many more bytes and still the same pixels."""
    feature = "sod" if output_ext == "png" else "colorize"
    src = perfect.upload(feature, photo())
    plain = _bytes_of(perfect, perfect.results(feature, src=src)[0]["url"])
    perfect.fault({"pad_bytes": 100_000}, TASKS)
    padded = _bytes_of(perfect, perfect.results(feature, src=src)[0]["url"])

    assert len(padded) == len(plain) + 100_000
    assert difference(read(padded), read(plain)) == 0


def _put(perfect: PerfectClient, request: dict[str, Any], content: Any) -> httpx.Response:
    headers = dict(request["headers"])
    if isinstance(content, bytes):
        headers.pop("Content-Length", None)
    return perfect.keyless.put(request["url"], headers=headers, content=content)


def _bytes_of(perfect: PerfectClient, url: str) -> bytes:
    return perfect.keyless.get(url).raise_for_status().content
