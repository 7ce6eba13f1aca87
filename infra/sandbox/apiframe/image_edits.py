"""Apiframe's three image-edit routes: check, charge, and open a job.

Credits are taken when the job is accepted and given back when it fails. The same `Idempotency-Key`
with the same body within 24 hours answers with the job it made; with another body it is a 409.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from functools import partial

import cv2
from pydantic import TypeAdapter, ValidationError
from werkzeug.wrappers import Response

from infra.sandbox.apiframe.idempotency import Replays
from infra.sandbox.apiframe.render import TooLargeError, flat_credits, make, topaz_credits
from infra.sandbox.apiframe.request_bodies import Body, TopazBody
from infra.sandbox.apiframe.status import STATUS, write_result
from infra.sandbox.apiframe.webhooks import Subscription, Webhooks, read_events
from infra.sandbox.context import Handler, RefusalError, RequestContext, SandboxState
from infra.sandbox.fetch import FetchError, fetch
from infra.sandbox.image_ops.codec import MIMES, BadImageError, Photo, decode, encode
from infra.sandbox.jobs import Job, WorkError
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.responses import json_reply, request_digest

RETENTION_S = 90 * 24 * 3600.0
MAX_KEY_LENGTH = 255

_log = logging.getLogger(__name__)

Bodies = Mapping[str, TypeAdapter[Body]]


class Edits:
    """Accepts edits and does their work."""

    def __init__(self, world: SandboxState, webhooks: Webhooks) -> None:
        self._world = world
        self._webhooks = webhooks
        self._replays = Replays(world.clock)

    def handler(self, bodies: Bodies) -> Handler:
        """Make the handler of a route that takes these bodies."""

        def handle(call: RequestContext) -> Response:
            raw, body = _read_body(call, bodies)
            key = _read_key(call)
            digest = request_digest(call.request)
            with self._replays.hold(key) as known:
                if known is None:
                    job = self._accept(call, raw, body, key, digest)
                    self._replays.remember(key, digest, job.id)
                elif known.body_digest != digest:
                    raise RefusalError(409, "Idempotency-Key was used with a different request")
                else:
                    job = self._job(known.job_id)
            status = STATUS[self._world.jobs.look(job).phase]
            return json_reply({"jobId": job.id, "status": status}, 202)

        return handle

    def _job(self, job_id: str) -> Job:
        job = self._world.jobs.get(job_id)
        if job is None:
            raise RefusalError(404, "Job not found")
        return job

    def _accept(
        self, call: RequestContext, raw: dict[str, object], body: Body, key: str | None, digest: str
    ) -> Job:
        job_id = str(uuid.uuid4())
        purchase = Purchase(job_id, call.route, self._price(call, body), digest, key)
        try:
            self._world.ledger.charge(purchase)
        except OutOfCreditsError as exc:
            figures = {"creditsRequired": exc.required, "creditsAvailable": exc.available}
            raise RefusalError(402, "Insufficient credits", extra=figures) from exc
        effect = call.effect
        refunds = effect is None or effect.refund is not False

        def give_back(at: float) -> None:
            if refunds:
                self._world.ledger.refund(purchase, at)

        job = self._world.jobs.open(
            job_id,
            self._work(call, body, job_id),
            duration_s=self._world.job_s,
            fate=None if effect is None else effect.job,
            on_failure=give_back,
            facts={
                "model": body.model,
                "credits": purchase.credits,
                "refunds": refunds,
                "input": raw,
            },
        )
        if body.webhookUrl is not None:
            events = read_events(body.webhookEvents)
            result = partial(write_result, base=call.base)
            self._webhooks.follow(job, Subscription(body.webhookUrl, events, result))
        return job

    def _price(self, call: RequestContext, body: Body) -> int:
        if not isinstance(body, TopazBody):
            return flat_credits(body)
        # The vendor looks at the picture before it charges, since the price depends on its size.
        try:
            return topaz_credits(
                body.topazUpscaleParams, self._fetched(call.base, body.topazUpscaleParams.image)
            )
        except WorkError as exc:
            raise _invalid({"topazUpscaleParams.image": [str(exc)]}) from exc

    def _work(self, call: RequestContext, body: Body, job_id: str) -> Callable[[], object]:
        base = call.base
        effect = call.effect
        gone = (effect.status or 404) if effect is not None and effect.result == "gone" else None

        def work() -> str:
            try:
                made = make(body, lambda url: self._fetched(base, url))
                content = encode(made.pixels, made.form)
            except TooLargeError as exc:
                raise WorkError(str(exc)) from exc
            except (cv2.error, BadImageError) as exc:
                _log.exception("an edit of %s failed", body.model)
                raise WorkError("Provider returned an error") from exc
            path = f"/cdn/images/{job_id}-1.{made.form}"
            self._world.files.put(
                path, content, MIMES[made.form], lifetime_s=RETENTION_S, gone=gone
            )
            return path

        return work

    def _fetched(self, base: str, url: str) -> Photo:
        try:
            return decode(fetch(url, own_base=base, files=self._world.files))
        except FetchError as exc:
            raise WorkError(f"Could not fetch the input image: {exc}") from exc
        except BadImageError as exc:
            raise WorkError(f"Could not read the input image: {exc}") from exc


def _read_body(call: RequestContext, bodies: Bodies) -> tuple[dict[str, object], Body]:
    try:
        raw = json.loads(call.request.get_data())
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


def _read_key(call: RequestContext) -> str | None:
    key = call.request.headers.get("idempotency-key") or None
    if key is not None and len(key) > MAX_KEY_LENGTH:
        raise _invalid({"Idempotency-Key": [f"At most {MAX_KEY_LENGTH} characters"]})
    return key


def _invalid(details: Mapping[str, list[str]]) -> RefusalError:
    return RefusalError(400, "Validation error", extra={"details": dict(details)})
