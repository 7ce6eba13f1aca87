"""A client of Apiframe's sandbox for its tests."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.sandbox.client import SandboxClient
from tests.sandbox.images import Array, photo

Model = tuple[str, str, str]
"""Route, model, and the name of the model's params."""
TOPAZ: Model = ("upscale", "topaz-image-upscale", "topazUpscaleParams")
CLARITY: Model = ("upscale", "clarity-upscale", "clarityUpscaleParams")
BRIA: Model = ("background-remove", "bria-bg-remove", "briaBgRemoveParams")
LAB851: Model = ("background-remove", "851-bg-remove", "lab851BgRemoveParams")
FLUX: Model = ("edit", "flux-fill-pro", "fluxFillParams")
JOB_S = 10.0


class ApiframeClient(SandboxClient):
    """Uploads images, opens jobs and polls them."""

    def upload(self, image: Array) -> str:
        """Upload an image and return its URL."""
        url: str = self.form("/v2/uploads", files={"file": image}).json()["url"]
        return url

    def post(
        self,
        model: Model,
        params: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> httpx.Response:
        """Open a job; `extra` are fields beside the params."""
        route, name, key = model
        body = {"model": name, key: params, **extra}
        return self.http.post(f"/v2/images/{route}", json=body, headers=headers)

    def open_job(self, **extra: Any) -> str:
        """Open a job that removes a photo's background, and return its id."""
        job_id: str = self.post(BRIA, {"image": self.upload(photo())}, **extra).json()["jobId"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        job: dict[str, Any] = self.http.get(f"/v2/jobs/{job_id}").json()
        return job

    def finished(self, accepted: httpx.Response) -> dict[str, Any]:
        """Advance the clock by the job's duration and return the job."""
        self.advance(JOB_S)
        return self.job(accepted.json()["jobId"])

    def result(self, model: Model, params: Mapping[str, Any]) -> Array:
        """Run a job and return its one image."""
        return self.image(self.finished(self.post(model, params))["result"]["images"][0])
