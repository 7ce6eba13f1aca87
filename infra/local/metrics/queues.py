"""Looks at the queues as AWS does, and records how much waits in them."""

import threading
import time

from moto.sqs.models import sqs_backends

from infra.local.metrics.recorder import Recorder


class QueueSampler:
    """Looks at every queue of an account, each `every_s` seconds, until it is stopped."""

    def __init__(self, recorder: Recorder, account: str, region: str, every_s: float) -> None:
        self._recorder = recorder
        self._backend = sqs_backends[account][region]
        self._every_s = every_s
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start to look, the first time at once."""
        threading.Thread(target=self._run, name="queue-sampler", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> None:
        """Look once."""
        now_ms = time.time() * 1000
        for queue in list(self._backend.queues.values()):
            ages = [now_ms - (message.sent_timestamp or now_ms) for message in list(queue.messages)]
            self._recorder.looked_at(
                queue.name,
                visible=queue.approximate_number_of_messages,
                oldest_s=max(ages, default=0.0) / 1000,
            )

    def _run(self) -> None:
        self.look()
        while not self._stopped.wait(self._every_s):
            self.look()
