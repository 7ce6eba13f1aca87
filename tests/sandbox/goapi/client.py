"""A client of GoAPI's sandbox for its tests."""

import base64
from typing import Any

import httpx

from infra.sandbox.http_server import RunningSandbox
from tests.sandbox.client import SandboxClient

JOB_S = 10.0
TOOLKIT = "Qubico/image-toolkit"


class GoApiClient(SandboxClient):
    """Sends requests as in the vendor's documents."""

    def __init__(self, running: RunningSandbox) -> None:
        super().__init__(running, {"x-api-key": running.credentials["api_key"]})
        self.knobs: dict[str, Any] = dict(self._state.knobs)

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
