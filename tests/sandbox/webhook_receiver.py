"""An HTTP server that receives the sandboxes' webhooks."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Delivery:
    """One received webhook; header names are in lower case."""

    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The parsed JSON body."""
        return json.loads(self.raw)


class WebhookReceiver:
    """Keeps deliveries; responds with `statuses` first, then with `status`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.statuses: list[int] = []
        self.deliveries: queue.Queue[Delivery] = queue.Queue()

    def next(self) -> Delivery:
        """Wait for the next delivery and return it."""
        return self.deliveries.get(timeout=TIMEOUT_S)

    def receive(self, delivery: Delivery) -> int:
        """Keep a delivery and return the status of the response."""
        self.deliveries.put(delivery)
        return self.statuses.pop(0) if self.statuses else self.status


@contextmanager
def run_webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.receive(Delivery(headers, raw)))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = WebhookReceiver(f"http://127.0.0.1:{server.server_address[1]}/hook?ref=42")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
