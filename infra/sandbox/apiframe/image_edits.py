"""Apiframe's three image-edit routes: check, charge, and open a job.

A job is charged when it is accepted and refunded when it fails. A repeated `Idempotency-Key` within
24 hours returns the same job for the same body, and is a 409 for another body.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from functools import partial

import cv2
from pydantic import TypeAdapter, ValidationError
from werkzeug.wrappers import Response

from infra.sandbox.apiframe.idempotency import IdempotencyKeys
from infra.sandbox.apiframe.render import TooLargeError, flat_credits, render, topaz_credits
from infra.sandbox.apiframe.request_bodies import Body, TopazBody
from infra.sandbox.apiframe.status import STATUS, write_result
from infra.sandbox.apiframe.webhooks import Subscription, Webhooks, read_events
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.fetch import FetchError, fetch
from infra.sandbox.image_ops.codec import MIMES, BadImageError, Photo, decode, encode
from infra.sandbox.jobs import Job, WorkError
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.provider import Handler, RefusalError
from infra.sandbox.responses import json_response, request_digest

RETENTION_S = 90 * 24 * 3600.0
MAX_KEY_LENGTH = 255

_log = logging.getLogger(__name__)

Bodies = Mapping[str, TypeAdapter[Body]]


class ImageEdits:
    """Accepts edits and runs their work."""

    def __init__(self, state: SandboxState, webhooks: Webhooks) -> None:
        self._state = state
        self._webhooks = webhooks
        self._keys = IdempotencyKeys(state.clock)

    def handler(self, bodies: Bodies) -> Handler:
        """Return the handler of a route that takes these bodies, by model."""

        def handle(ctx: RequestContext) -> Response:
            raw, body = _read_body(ctx, bodies)
            key = _read_key(ctx)
            digest = request_digest(ctx.request)
            with self._keys.hold(key) as known:
                if known is None:
                    job = self._accept(ctx, raw, body, key, digest)
                    self._keys.remember(key, digest, job.id)
                elif known.body_digest != digest:
                    raise RefusalError(409, "Idempotency-Key was used with a different request")
                else:
                    job = self._job(known.job_id)
            status = STATUS[self._state.jobs.status_of(job).phase]
            return json_response({"jobId": job.id, "status": status}, 202)

        return handle

    def _job(self, job_id: str) -> Job:
        job = self._state.jobs.get(job_id)
        if job is None:
            raise RefusalError(404, "Job not found")
        return job

    def _accept(
        self, ctx: RequestContext, raw: dict[str, object], body: Body, key: str | None, digest: str
    ) -> Job:
        job_id = str(uuid.uuid4())
        purchase = Purchase(job_id, ctx.route, self._price(ctx, body), digest, key)
        try:
            self._state.ledger.charge(purchase)
        except OutOfCreditsError as exc:
            figures = {"creditsRequired": exc.required, "creditsAvailable": exc.available}
            raise RefusalError(402, "Insufficient credits", extra=figures) from exc
        effect = ctx.effect
        refunds = effect is None or effect.refund is not False

        def refund(at: float) -> None:
            if refunds:
                self._state.ledger.refund(purchase, at)

        job = self._state.jobs.open(
            job_id,
            self._work(ctx, body, job_id),
            duration_s=self._state.job_s,
            fault=None if effect is None else effect.job,
            on_failure=refund,
            metadata={
                "model": body.model,
                "credits": purchase.credits,
                "refunds": refunds,
                "input": raw,
            },
        )
        if body.webhookUrl is not None:
            events = read_events(body.webhookEvents)
            result = partial(write_result, base_url=ctx.base_url)
            self._webhooks.follow(job, Subscription(body.webhookUrl, events, result))
        return job

    def _price(self, ctx: RequestContext, body: Body) -> int:
        if not isinstance(body, TopazBody):
            return flat_credits(body)
        # The vendor reads the image before it charges, since the price depends on its size.
        try:
            return topaz_credits(
                body.topazUpscaleParams,
                self._fetch_photo(ctx.base_url, body.topazUpscaleParams.image),
            )
        except WorkError as exc:
            raise _invalid({"topazUpscaleParams.image": [str(exc)]}) from exc

    def _work(self, ctx: RequestContext, body: Body, job_id: str) -> Callable[[], object]:
        base_url = ctx.base_url
        effect = ctx.effect
        gone_status = None if effect is None else effect.gone_status

        def work() -> str:
            try:
                rendered = render(body, lambda url: self._fetch_photo(base_url, url))
                content = encode(rendered.pixels, rendered.form)
            except TooLargeError as exc:
                raise WorkError(str(exc)) from exc
            except (cv2.error, BadImageError) as exc:
                _log.exception("an edit of %s failed", body.model)
                raise WorkError("Provider returned an error") from exc
            path = f"/cdn/images/{job_id}-1.{rendered.form}"
            self._state.files.put(
                path, content, MIMES[rendered.form], lifetime_s=RETENTION_S, gone_status=gone_status
            )
            return path

        return work

    def _fetch_photo(self, base_url: str, url: str) -> Photo:
        try:
            return decode(fetch(url, own_base=base_url, files=self._state.files))
        except FetchError as exc:
            raise WorkError(f"Could not fetch the input image: {exc}") from exc
        except BadImageError as exc:
            raise WorkError(f"Could not read the input image: {exc}") from exc


def _read_body(ctx: RequestContext, bodies: Bodies) -> tuple[dict[str, object], Body]:
    try:
        raw = json.loads(ctx.request.get_data())
    except ValueError as exc:
        raise _invalid({"": ["The body is not valid JSON"]}) from exc
    if not isinstance(raw, dict):
        raise _invalid({"": ["Expected object"]})
    adapter = bodies.get(str(raw.get("model")))
    if adapter is None:
        raise _invalid({"model": [f"Must be one of {', '.join(bodies)}"]})
    try:
        return raw, adapter.validate_python(raw)
    except ValidationError as exc:
        details: dict[str, list[str]] = {}
        for problem in exc.errors(include_url=False, include_context=False):
            path = ".".join(str(part) for part in problem["loc"])
            details.setdefault(path, []).append(problem["msg"])
        raise _invalid(details) from exc


def _read_key(ctx: RequestContext) -> str | None:
    key = ctx.request.headers.get("idempotency-key") or None
    if key is not None and len(key) > MAX_KEY_LENGTH:
        raise _invalid({"Idempotency-Key": [f"At most {MAX_KEY_LENGTH} characters"]})
    return key


def _invalid(details: Mapping[str, list[str]]) -> RefusalError:
    return RefusalError(400, "Validation error", extra={"details": dict(details)})
