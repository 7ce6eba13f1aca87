"""A client of GoAPI's sandbox for its tests, and the sandbox on a clock that they advance."""

import base64
import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import httpx
import numpy as np

from infra.sandbox.clock import Clock
from infra.sandbox.http_server import start
from tests.sandbox.client import SandboxClient
from tests.sandbox.images import Array, as_png, photo

STARTS_AT = 1_782_900_000.0
JOB_S = 10.0
TOOLKIT = "Qubico/image-toolkit"


class GoApiClient(SandboxClient):
    """Sends requests as in the vendor's documents."""

    knobs: dict[str, Any]

    def reset(self) -> None:
        """Also reset the knobs and the duration of jobs."""
        self._state.job_s = JOB_S
        super().reset()
        self._state.knobs.update(self.knobs)

    def set(self, **knobs: Any) -> None:
        """Set knobs."""
        self.http.post("/_sandbox/knobs", json=knobs).raise_for_status()

    def upload(self, content: bytes, name: str = "a.png") -> str:
        """Upload a file and return its URL."""
        data = base64.b64encode(content).decode()
        response = self.http.post(
            "/api/ephemeral_resource", json={"file_name": name, "file_data": data}
        )
        url: str = response.raise_for_status().json()["data"]["url"]
        return url

    def create(
        self, model: str, task_type: str, task_input: dict[str, Any], **config: Any
    ) -> httpx.Response:
        """Create a task."""
        body = {"model": model, "task_type": task_type, "input": task_input, "config": config}
        return self.http.post("/api/v1/task", json=body)

    def task(self, task_id: str) -> dict[str, Any]:
        """Get a task's `data`."""
        response: dict[str, Any] = (
            self.http.get(f"/api/v1/task/{task_id}").raise_for_status().json()
        )
        data: dict[str, Any] = response["data"]
        return data

    def ended(self, model: str, task_type: str, task_input: dict[str, Any]) -> dict[str, Any]:
        """Create a task and return it after its duration."""
        created = self.create(model, task_type, task_input)
        assert created.status_code == 200, created.text
        self.advance(JOB_S)
        return self.task(created.json()["data"]["task_id"])

    def output(self, model: str, task_type: str, task_input: dict[str, Any]) -> dict[str, Any]:
        """Run a task and return its output."""
        task = self.ended(model, task_type, task_input)
        assert task["status"] == "completed", task["error"]
        output: dict[str, Any] = task["output"]
        return output


@contextmanager
def run_goapi_sandbox() -> Iterator[GoApiClient]:
    """Run the sandbox and yield a client of it."""
    clock = Clock(lambda: STARTS_AT)
    with start(["goapi"], clock=clock, job_s=JOB_S, pause=lambda _: None) as running:
        one = running["goapi"]
        with GoApiClient(one, {"x-api-key": one.credentials["api_key"]}) as client:
            client.knobs = client.http.get("/_sandbox/knobs").json()["knobs"]
            yield client


def portrait(width: int = 96, height: int = 96) -> Array:
    """Draw a face: an oval in the colour of skin on a blue background."""
    image = np.full((height, width, 3), (40, 70, 160), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    oval = np.hypot((columns - width / 2) / 0.8, rows - height / 2) < height * 0.3
    image[oval] = (224, 172, 140)
    return image


def as_data(content: bytes, mime: str = "image/png") -> str:
    """Encode as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def sound(seconds: float = 1.0) -> bytes:
    """Make a silent WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(round(16_000 * seconds)))
    return content.getvalue()


def video(path: str, width: int = 64, height: int = 48) -> bytes:
    """Make a video of a photo at `path`: one second, eight frames."""
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 8, (width, height))
    for shift in range(8):
        frame = np.roll(photo(width, height), shift * 2, axis=1)
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    with open(path, "rb") as file:  # noqa: PTH123 - the path is the encoder's string
        return file.read()


def frames_of(content: bytes, path: str) -> tuple[list[Array], float]:
    """Decode a video by way of a file: its frames and its duration in seconds."""
    with open(path, "wb") as file:  # noqa: PTH123 - the path is the decoder's string
        file.write(content)
    reader = cv2.VideoCapture(path)
    rate = reader.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        there, frame = reader.read()
        if not there:
            break
        frames.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8))
    reader.release()
    return frames, len(frames) / rate


def png_photo(width: int = 96, height: int = 64) -> bytes:
    """Encode a photo as PNG."""
    return as_png(photo(width, height))
