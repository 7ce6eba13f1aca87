"""Perfect's files: registration, the signed upload, retention, and results by URL and id."""

from typing import Any

import httpx
import pytest

from tests.sandbox.images import as_png, difference, encode_as, photo, read
from tests.sandbox.perfect.client import API, TASKS, PerfectClient, task_of

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
def test_registration_has_the_documented_response(perfect: PerfectClient, feature: str) -> None:
    """It echoes the file and has an id and one PUT with the type as its only header."""
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
    """Each has its own id and URL, in the order of the request."""
    files = [{"content_type": "image/png", "file_name": f"{n}.png"} for n in range(3)]
    response = perfect.http.post(f"{API}/file/mu-trans-rec", json={"files": files}).json()

    result_image = response["result"]["files"]
    assert [one["file_name"] for one in result_image] == ["0.png", "1.png", "2.png"]
    assert len({one["file_id"] for one in result_image}) == 3
    assert len({one["requests"][0]["url"] for one in result_image}) == 3


def test_v1_1_declares_and_signs_the_size(perfect: PerfectClient) -> None:
    """It needs `file_size`, and the upload must have that size."""
    file = {"content_type": "image/png", "file_name": "a.png"}
    without = perfect.http.post("/s2s/v1.1/file/sod", json={"files": [file]})
    response = perfect.http.post("/s2s/v1.1/file/sod", json={"files": [{**file, "file_size": 5}]})
    (request,) = response.json()["result"]["files"][0]["requests"]

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
def test_invalid_registration_is_refused(perfect: PerfectClient, body: Any) -> None:
    """Both fields are required, and the type is a documented one."""
    response = perfect.http.post(f"{API}/file/sod", json=body)

    assert response.status_code == 400
    assert response.json()["error_code"] == "InvalidParameters"


@pytest.mark.parametrize("form", ["TIFF", "GIF"])
def test_only_makeup_takes_tiff_and_gif(perfect: PerfectClient, form: Any) -> None:
    """They can be registered and read there only."""
    content = encode_as(photo(), form)
    mime = f"image/{form.lower()}"
    reference = perfect.upload("mu-trans-rec", content, mime)
    source = perfect.upload("mu-trans-rec", content, mime)
    disguised = perfect.upload("sod", content)

    assert perfect.result_image("mu-trans-rec", src=source, ref=reference).shape == (64, 96, 3)
    assert perfect.error("sod", perfect.run("sod", src=disguised)) == "error_decode_image"


@pytest.mark.parametrize("path", ["file/nobody", "file/text-to-image", "task/nobody", "nothing"])
def test_unknown_path_is_not_found(perfect: PerfectClient, path: str) -> None:
    """Also where a feature has no such endpoint; the error has the usual shape."""
    response = perfect.http.post(f"{API}/{path}", json={})

    assert response.status_code == 404
    assert response.json() == {"status": 404, "error": "Not Found"}


def test_upload_needs_the_signed_type(perfect: PerfectClient) -> None:
    """A wrong or missing type is refused with XML, as by the object store."""
    (request,) = perfect.register("sod")["requests"]
    other = perfect.keyless.put(
        request["url"], headers={"Content-Type": "image/jpeg"}, content=b"x"
    )
    none = perfect.keyless.put(request["url"], content=b"x")

    assert other.status_code == none.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in other.text


def test_upload_ignores_the_authorization_header(perfect: PerfectClient) -> None:
    """It needs no token."""
    (request,) = perfect.register("sod")["requests"]
    headers = {**request["headers"], "Authorization": "Bearer nonsense"}

    assert (
        perfect.keyless.put(request["url"], headers=headers, content=as_png(photo())).status_code
        == 200
    )


def test_upload_url_cannot_be_altered(perfect: PerfectClient) -> None:
    """Signature, expiry and path are protected."""
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


def test_upload_url_expires_after_an_hour(perfect: PerfectClient) -> None:
    """The upload is refused then."""
    (request,) = perfect.register("sod")["requests"]
    perfect.advance(3600)
    response = _put(perfect, request, as_png(photo()))

    assert response.status_code == 403
    assert "<Code>AccessDenied</Code>" in response.text


def test_chunked_upload_is_refused(perfect: PerfectClient) -> None:
    """The object store needs the length in advance."""
    (request,) = perfect.register("sod")["requests"]
    response = _put(perfect, request, iter([b"some ", b"bytes"]))

    assert response.status_code == 501
    assert "<Code>NotImplemented</Code>" in response.text


def test_upload_is_kept_for_a_day(perfect: PerfectClient) -> None:
    """A later task cannot download it."""
    src = perfect.upload("sod", photo())
    perfect.advance(DAY_S - 60)
    perfect.sign_in()
    assert perfect.result_image("sod", src=src).shape == (64, 96, 4)
    perfect.advance(60)

    assert perfect.error("sod", perfect.run("sod", src=src)) == "error_download_image"


def test_missing_file_fails_the_task(perfect: PerfectClient) -> None:
    """An unknown id cannot be downloaded; a file that was never uploaded has another code."""
    registered = perfect.register("obj-rem")["file_id"]
    there = perfect.upload("obj-rem", photo())

    def code(src: str, mask: str) -> str:
        return perfect.error("obj-rem", perfect.run("obj-rem", src=src, mask=mask))

    assert code("unknown", there) == "error_download_image"
    assert code(there, "unknown") == "error_download_mask"
    assert code(registered, there) == "unknown_internal_error"
    assert perfect.entries() == []


def test_result_url_is_valid_for_two_hours_and_renewed(perfect: PerfectClient) -> None:
    """Every poll returns a new URL of the same file."""
    accepted = perfect.run("sod", src=perfect.upload("sod", photo()))
    first = perfect.finished("sod", accepted)["results"][0]["data"][0]
    perfect.advance(7199)
    assert perfect.keyless.get(first["url"]).status_code == 200
    perfect.advance(1)
    assert perfect.keyless.get(first["url"]).status_code == 403
    perfect.sign_in()
    again = perfect.poll("sod", task_of(accepted)).json()["result"]["results"][0]["data"][0]

    assert again["dst_id"] == first["dst_id"]
    assert perfect.keyless.get(again["url"]).status_code == 200
    assert perfect.spent() == 1


def test_result_is_an_input_for_thirty_days(perfect: PerfectClient) -> None:
    """Its id can be used in another task, of any feature, without an upload."""
    (cut,) = perfect.results("sod", src=perfect.upload("sod", photo()), output_ext="webp")
    assert len(cut["dst_id"]) == 44
    perfect.advance(29 * DAY_S)
    perfect.sign_in()
    larger = perfect.result_image("enhance", src=cut["dst_id"], params={"scale": 2})
    assert larger.shape == (128, 192, 3)
    perfect.advance(DAY_S)
    perfect.sign_in()
    late = perfect.run("enhance", src=cut["dst_id"], params={"scale": 2})

    assert perfect.error("enhance", late) == "error_download_image"


def test_task_expires_with_its_results(perfect: PerfectClient) -> None:
    """After thirty days its id is invalid."""
    accepted = perfect.run("sod", src=perfect.upload("sod", photo()))
    perfect.finished("sod", accepted)
    perfect.advance(30 * DAY_S)
    perfect.sign_in()

    assert perfect.poll("sod", task_of(accepted)).json()["error_code"] == "InvalidTaskId"


@pytest.mark.parametrize(("fault", "status"), [({}, 404), ({"status": 410}, 410)])
def test_result_can_be_gone(perfect: PerfectClient, fault: Any, status: int) -> None:
    """The task succeeds and is charged, its file is missing."""
    src = perfect.upload("sod", photo())
    perfect.fault({"result": "gone", **fault}, TASKS)
    (one,) = perfect.results("sod", src=src)

    assert perfect.keyless.get(one["url"]).status_code == status
    assert perfect.spent() == 1


@pytest.mark.parametrize("output_ext", ["jpg", "png"])
def test_result_can_be_padded(perfect: PerfectClient, output_ext: str) -> None:
    """It has more bytes and the same pixels."""
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
