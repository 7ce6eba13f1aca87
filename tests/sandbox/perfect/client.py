"""A client of Perfect's sandbox, written from the vendor's document."""

import base64
import io
import time
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from PIL import Image

from infra.sandbox.http_server import RunningSandbox
from tests.sandbox.client import STARTS_AT, SandboxClient
from tests.sandbox.images import Array, as_png, read

JOB_S = 6.0
API = "/s2s/v1.0"
TASKS = f"{API}/task/*"


class PerfectClient(SandboxClient):
    """Signs in, uploads, runs tasks and polls them."""

    def __init__(self, running: RunningSandbox) -> None:
        super().__init__(running, {})
        self.client_id = running.credentials["client_id"]
        self.client_secret = running.credentials["client_secret"]
        self.keyless = httpx.Client(timeout=10)
        self._request_ids = iter(range(time.time_ns() // 1000, 2**53))

    def __exit__(self, *_: object) -> None:
        self.keyless.close()
        self.http.close()

    def reset(self) -> None:
        """Also reset the duration of jobs, and sign in again."""
        super().reset()
        self._state.job_s = JOB_S
        self.sign_in()

    def image(self, url: str) -> Array:
        """Fetch a result, without any key."""
        return read(self.keyless.get(url).raise_for_status().content)

    def form_of(self, url: str) -> str:
        """Fetch a result and return the format of its bytes."""
        content = self.keyless.get(url).raise_for_status().content
        with Image.open(io.BytesIO(content)) as image:
            assert image.format is not None
            return image.format

    def id_token(self, plaintext: str) -> str:
        """Encrypt as documented: the secret is a public key."""
        key = load_der_public_key(base64.b64decode(self.client_secret))
        assert isinstance(key, rsa.RSAPublicKey)
        return base64.b64encode(key.encrypt(plaintext.encode(), padding.PKCS1v15())).decode()

    def auth(self, id_token: str | None = None, client_id: str | None = None) -> httpx.Response:
        """Request an access token, by default with the right credentials."""
        millis = int(STARTS_AT * 1000)
        good = f"client_id={self.client_id}&timestamp={millis}"
        body = {
            "client_id": self.client_id if client_id is None else client_id,
            "id_token": self.id_token(good) if id_token is None else id_token,
        }
        return self.http.post(f"{API}/client/auth", json=body)

    def sign_in(self) -> None:
        """Use a new access token from now on."""
        token = self.auth().raise_for_status().json()["result"]["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def set_job_s(self, seconds: float) -> None:
        """Set the duration of the next jobs."""
        self.http.post("/_sandbox/clock", json={"job_s": seconds}).raise_for_status()

    def register(self, feature: str, content_type: str = "image/png") -> dict[str, Any]:
        """Register one file and return its entry."""
        body = {"files": [{"content_type": content_type, "file_name": "a file"}]}
        response = self.http.post(f"{API}/file/{feature}", json=body).raise_for_status().json()
        (entry,) = response["result"]["files"]
        found: dict[str, Any] = entry
        return found

    def upload(self, feature: str, content: bytes | Array, content_type: str = "image/png") -> str:
        """Register and upload one file and return its id."""
        entry = self.register(feature, content_type)
        (request,) = entry["requests"]
        body = content if isinstance(content, bytes) else as_png(content)
        self.keyless.request(
            request["method"], request["url"], headers=request["headers"], content=body
        ).raise_for_status()
        file_id: str = entry["file_id"]
        return file_id

    def run(
        self,
        feature: str,
        *,
        src: str | None = None,
        ref: str | None = None,
        mask: str | None = None,
        params: dict[str, Any] | None = None,
        output_ext: str | None = None,
        request_id: int | None = None,
        action_id: int = 0,
    ) -> httpx.Response:
        """Run a task, with a new request id where none is given."""
        ids = {"src_ids": src, "ref_ids": ref, "mask_ids": mask}
        action: dict[str, Any] = {"id": action_id}
        if params is not None:
            action["params"] = params
        payload: dict[str, Any] = {"actions": [action]}
        if any(ids.values()):
            payload["file_sets"] = {role: [one] for role, one in ids.items() if one}
        if output_ext is not None:
            payload["output_ext"] = output_ext
        number = next(self._request_ids) if request_id is None else request_id
        return self.post_task(feature, {"request_id": number, "payload": payload})

    def post_task(self, feature: str, body: object) -> httpx.Response:
        """Send a task's body as it is."""
        return self.http.post(f"{API}/task/{feature}", json=body)

    def poll(self, feature: str, task_id: str) -> httpx.Response:
        """Poll a task."""
        return self.http.get(f"{API}/task/{feature}", params={"task_id": task_id})

    def finished(self, feature: str, accepted: httpx.Response) -> dict[str, Any]:
        """Advance the clock by the job's duration and return the status."""
        self.advance(JOB_S)
        response = self.poll(feature, task_of(accepted)).raise_for_status().json()
        result: dict[str, Any] = response["result"]
        return result

    def results(self, feature: str, **options: Any) -> list[dict[str, Any]]:
        """Run a task to its success and return its `data`."""
        ended = self.finished(feature, self.run(feature, **options))
        assert ended["status"] == "success", ended
        data: list[dict[str, Any]] = ended["results"][0]["data"]
        return data

    def result_image(self, feature: str, **options: Any) -> Array:
        """Run a task to its success and return its one image."""
        (one,) = self.results(feature, **options)
        return self.image(one["url"])

    def error(self, feature: str, accepted: httpx.Response) -> str:
        """Let a task fail and return its engine code."""
        ended = self.finished(feature, accepted)
        assert ended["status"] == "error", ended
        code: str = ended["error"]
        return code

    def style(self, feature: str, number: int = 0) -> dict[str, Any]:
        """Return the parameters of a style of the first group."""
        group = self.listed(f"style-group/{feature}")["groups"][0]["id"]
        styles = self.listed(f"style/{feature}", style_group_id=group)["styles"]
        return {"style_group_id": group, "style_ids": [styles[number]["id"]]}

    def listed(self, path: str, **query: Any) -> dict[str, Any]:
        """Return a page of a list."""
        response = self.http.get(f"{API}/task/{path}", params=query).raise_for_status()
        result: dict[str, Any] = response.json()["result"]
        return result


def task_of(accepted: httpx.Response) -> str:
    """Return the id of an accepted task."""
    task_id: str = accepted.raise_for_status().json()["result"]["task_id"]
    return task_id
