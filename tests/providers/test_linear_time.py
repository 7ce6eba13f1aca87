"""Reading any response takes linear time.

Each reader gets texts that regular expressions have stumbled over, once and eight times as long.
The time is this thread's processor time, and an outlier is measured again: quadratic work takes 64
times as long, linear work eight times.
"""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from darkroom.domain.errors import DarkroomError
from darkroom.domain.media import BY_EXTENSION
from darkroom.providers import job_status, json_fields, parse_time
from darkroom.providers.adapter import Response
from darkroom.providers.goapi import history
from darkroom.providers.goapi.results import read_facts
from darkroom.providers.parse_json import parse_json
from darkroom.providers.perfect.errors import read_failure
from darkroom.providers.result_refs import find_results
from tests.fakes.run_adapter import ADAPTERS, NamedFiles, adapter_of, job_request_of, route_of, run
from tests.providers.perfect.builders import job_request_for

SHORT = 4_000
SHORT_IN_ANSWERS = 120
"""Where the text stands a hundred times in one answer."""
TIMES = 8
MAX_COUNT = 3 * TIMES
"""So many times as long may eight times the text take; the square would be 64."""
TRIES = 5
FREE_S = 0.02
"""Shorter times are noise."""

TEXTS: Mapping[str, str] = {
    "letters": "a",
    "base64": "iVBORw0KGgoAAAANSUhEUg",
    "data URIs": "data:,",
    "addresses": "http://a",
    "marks": "://",
    "schemes": "a.+-",
    "spaces": " ",
    "lines": "A\r\n",
    "percent": "%2B%",
    "padding": "=",
    "digits": "9",
    "dots": ".",
    "quotes": '"\\',
    "brackets": "[{",
    "commas": "[],",
    "controls": "\x00\x1b\u202e",
    "characters": "\U0001f5bc",
    "dashes": "-_ ",
}

Reader = Callable[[str], object]


def _say(text: str) -> bytes:
    """The text in every field where a vendor puts words, URLs, names or data."""
    listed = [text, {"message": text, "url": text, "image_base64": text}, [text]]
    inner = {
        "message": text,
        "code": text,
        "status": text,
        "url": text,
        "task_id": {"id": text},
        "error_code": text,
        "polling_interval": text,
        "output": {"image_url": text, "image_base64": text, "image_urls": listed},
        "results": [{"id": 0, "data": listed, text: text}],
        "task_result": {"task_output": {"image_url": text}, "error_messages": listed},
        "logs": listed,
        "error": {"message": text, "raw_message": text, "code": text},
        "meta": {"usage": {"type": text, "consume": text}},
    }
    said = {
        **inner,
        "jobId": text,
        "detected_objects": [{"bbox": [1], "mask": text}],
        "detected": text,
        "mask": text,
        "details": {text: [text]},
        "data": inner,
        "result": inner,
        "error": {"message": text, "code": text},
    }
    return json.dumps(said, ensure_ascii=False).encode()


def _adapter_readers() -> Mapping[str, Reader]:
    found: dict[str, Reader] = {}
    for adapter in ADAPTERS:
        route = next(route for route in adapter.routes if route.asynchronous)

        def read_error(text: str, adapter: Any = adapter) -> object:
            for status in (400, 500):
                adapter.read_error(Response(status, {"retry-after": text}, _say(text)))
            return adapter.read_error(Response(400, {}, text.encode()))

        def poll(text: str, adapter: Any = adapter, route: Any = route) -> object:
            for word in ("success", "failed", text):
                document = json.loads(_say(text))
                for inside in (document, document["data"], document["result"]):
                    inside["status"] = word
                body = json.dumps({**document, "code": 200}, ensure_ascii=False).encode()
                _quietly(partial(run, adapter.poll(route, "j"), Response(200, {}, body)))
            return None

        def submit(text: str, adapter: Any = adapter, route: Any = route) -> object:
            work = job_request_of(route, {"prompt": "x"} if adapter.name == "snapapi" else {}, {})
            return adapter.read_submit(work, Response(200, {}, _say(text)))

        found |= {
            f"{adapter.name} refuses": read_error,
            f"{adapter.name} is asked": poll,
            f"{adapter.name} is paid": submit,
        }
    return found


def _sign_in(text: str) -> object:
    held = {"client_id": "c", "client_secret": _secret()}
    body = json.dumps({"result": {"access_token": text}}).encode()
    return run(adapter_of("perfect").authorize(held, 0), Response(200, {}, body))


def _secret() -> str:
    from tests.providers.perfect.builders import client_secret  # noqa: PLC0415 - makes a key

    return client_secret()


def _register(text: str) -> object:
    put = {"method": text, "url": text, "headers": {text: text}}
    body = {"result": {"files": [{"file_id": text, "requests": [put]}]}}
    return run(
        adapter_of("perfect").prepare(job_request_for("colorize"), NamedFiles()),
        Response(200, {}, json.dumps(body).encode()),
    )


def _styles(text: str) -> object:
    listed = {"groups": [{"id": text, "info": {"title": text}}], "next_token": text}
    response = Response(200, {}, json.dumps({"result": listed}).encode())
    steps = adapter_of("perfect").styles(route_of("perfect", "hairstyle"))
    return run(steps, response, response)


def _history(text: str) -> object:
    row = {"task_id": text, "created_at": text, "action": text}
    body = {"code": 200, "data": {"data": [row] * 3, "total": text}}
    work = job_request_of(route_of("goapi", "remove-background"), {}, {})
    return run(
        adapter_of("goapi").look_up(work, 0),
        Response(200, {}, json.dumps(body).encode()),
        Response(404, {}, b"{}"),
    )


ANSWERS: Mapping[str, Reader] = _adapter_readers()

READERS: Mapping[str, Reader] = {
    "quotable": json_fields.quotable,
    "quotable of an object": lambda text: json_fields.quotable({"error": {"message": [text]}}),
    "as_base64": json_fields.as_base64,
    "as_url": json_fields.as_url,
    "as_id": json_fields.as_id,
    "flag_of": json_fields.bool_or_none,
    "number_of": json_fields.number_or_none,
    "standing_of": lambda text: job_status.read_job_status(text, {}),
    "parse_time_s": parse_time.parse_time_s,
    "refs_of": lambda text: find_results([text, {"url": text}], "image"),
    "read_facts": lambda text: read_facts({"actions": [text], "clips": {text: 1}}),
    "read_failure": lambda text: read_failure(text, [text]),
    "read_document": lambda text: parse_json(text.encode()),
    "read_document in a list": lambda text: parse_json(f'["{text}", [{text}]]'.encode()),
    "Retry-After": lambda text: Response(429, {"retry-after": text}, b"").retry_after_s(),
    "Perfect's sign-in": _sign_in,
    "Perfect's registration": _register,
    "Perfect's styles": _styles,
    "GoAPI's history": _history,
    **ANSWERS,
}


@pytest.mark.parametrize("name", READERS)
def test_reading_takes_linear_time(name: str) -> None:
    """A refusal that quotes a whole file must not exceed a function's time-out."""
    read = READERS[name]
    for what, text in TEXTS.items():
        size = SHORT_IN_ANSWERS if name in ANSWERS else SHORT
        short = text * (size // len(text))
        for _ in range(TRIES):
            once, more = _seconds(read, short), _seconds(read, short * TIMES)
            if more <= max(FREE_S, MAX_COUNT * once):
                break
        else:
            pytest.fail(f"{what}: {once:.4f} s, and {more:.4f} s for {TIMES} times as much")


def test_readers_have_no_backtracking_pattern() -> None:
    """The only pattern left is possessive."""
    from darkroom.providers import parse_json  # noqa: PLC0415 - only its pattern

    pattern = parse_json._MARK.pattern
    assert pattern.count("*") == pattern.count("*+")
    for module in (json_fields, history, job_status, parse_time):
        assert not hasattr(module, "re")


def test_every_adapter_is_among_the_readers() -> None:
    """Everything that they read: refusals, paid calls, jobs."""
    assert {adapter.name for adapter in ADAPTERS} <= {name.partition(" ")[0] for name in READERS}
    assert BY_EXTENSION  # the formats that `NamedFiles` tells


def _seconds(read: Reader, text: str) -> float:
    began = time.thread_time()
    _quietly(lambda: read(text))
    return time.thread_time() - began


def _quietly(read: Callable[[], object]) -> None:
    try:
        read()
    except (DarkroomError, ValueError, LookupError):
        pass
    except RuntimeError as error:  # the generator wanted an answer more than there was
        if not isinstance(error.__cause__, StopIteration):
            raise
