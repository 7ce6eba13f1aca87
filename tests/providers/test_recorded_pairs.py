"""Requests and responses as the vendors document them; each pair names its source.

A file has one pair, of one of these kinds:

- a paid call: `operation`, `model`, `params`, `inputs`; `request`, `answer`; `means` the result;
- a poll of a job: `poll` (its id) and `of` (its operation, if the route matters);
- an error: `answer` alone, and what it `means`;
- a sign-in: `authorize` (the credentials) and `now_ms`; `means` the headers;
- a look-up: `look_up` (the paid call's `operation`, `model`, `params`, `inputs`, and `since_s`);
  `means` its `job_id`, null for none;
- a catalogue: `styles` (the operation); `means` its groups;
- an account: `balance` is true; `means` its credits, dollars and note.

`steps` are the free round trips, each with its own `request` and `answer`: before the paid call, or
all of a sign-in, a poll, a look-up, a catalogue, a balance. `varies` names texts of their JSON that
differ every time.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Throttled
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.providers.adapter import Request, Response, StyleGroup
from darkroom.providers.registry import build_adapters
from tests.fakes.run_adapter import (
    NamedFiles,
    adapter_of,
    job_request_of,
    response_of,
    route_of,
    run,
)
from tests.providers.recorded_pairs import read_all_pairs

PAIRS = read_all_pairs()
SUBMITTED = {name: pair for name, pair in PAIRS.items() if "operation" in pair}
POLLED = {name: pair for name, pair in PAIRS.items() if "poll" in pair}
REFUSED = {name: pair for name, pair in PAIRS.items() if "error" in pair["means"]}
SIGNED_IN = {name: pair for name, pair in PAIRS.items() if "authorize" in pair}
SOUGHT = {name: pair for name, pair in PAIRS.items() if "look_up" in pair}
BALANCED = {name: pair for name, pair in PAIRS.items() if "balance" in pair}
STYLED = {name: pair for name, pair in PAIRS.items() if "styles" in pair}


@pytest.mark.parametrize("name", SUBMITTED)
def test_spec_becomes_the_documented_request(name: str) -> None:
    """Exactly the path, fields, parameters and files that the document shows."""
    pair = SUBMITTED[name]
    adapter = adapter_of(pair["provider"])
    route = route_of(pair["provider"], pair["operation"], pair["model"])
    work = job_request_of(route, pair["params"], pair["inputs"])
    steps = _steps(pair)
    if pair["provider"] == "apiframe":
        steps = [_upload(key) for keys in pair["inputs"].values() for key in keys]

    made, request = run(adapter.prepare(work, NamedFiles()), *_answers(steps))

    wanted = pair["request"]
    assert [_shown(one) for one in made] == [step["request"] for step in steps]
    assert (request.method, request.path) == (wanted["method"], wanted["path"])
    assert request.json == wanted.get("json")
    assert dict(request.form) == wanted.get("form", {})
    files = [[part.field, part.input.key] for part in request.files]
    assert files == wanted.get("files", [])
    encoded = [[part.field, part.input.key] for part in request.encoded]
    assert encoded == wanted.get("encoded", [])


@pytest.mark.parametrize("name", SUBMITTED)
def test_documented_response_to_a_paid_call_is_read(name: str) -> None:
    """Results, data, facts or the job's id."""
    pair = SUBMITTED[name]
    adapter = adapter_of(pair["provider"])
    route = route_of(pair["provider"], pair["operation"], pair["model"])
    work = job_request_of(route, pair["params"], pair["inputs"])
    out = adapter.read_submit(work, response_of(pair["answer"]["status"], pair["answer"]["body"]))
    assert _told(out) == pair["means"]


@pytest.mark.parametrize("name", POLLED)
def test_documented_status_of_a_job_is_read(name: str) -> None:
    """One request, and the outcome of its response."""
    pair = POLLED[name]
    adapter = adapter_of(pair["provider"])
    route = next(
        route
        for route in adapter.routes
        if route.asynchronous and pair.get("of", route.operation) == route.operation
    )
    steps = _steps(pair)
    made, out = run(adapter.poll(route, pair["poll"]), *_answers(steps))
    assert [_shown(one) for one in made] == [step["request"] for step in steps]
    assert _told(out) == pair["means"]


@pytest.mark.parametrize("name", REFUSED)
def test_documented_error_is_read(name: str) -> None:
    """Class and code by status; the provider's own words only if they help."""
    pair = REFUSED[name]
    response = pair["answer"]
    error = adapter_of(pair["provider"]).read_error(
        response_of(response["status"], response["body"], response["headers"])
    )
    means = pair["means"]
    assert type(error).__name__ == means["error"]
    assert error.failure.code == means["code"]
    assert means["says"] is None or means["says"] in error.failure.sentence
    assert error.failure.sentence.endswith(".")
    if isinstance(error, Throttled):
        assert error.retry_after_s == means["retry_after_s"]


@pytest.mark.parametrize("name", SIGNED_IN)
def test_sign_in_is_as_documented(name: str) -> None:
    """Its round trips, and the resulting headers."""
    pair = SIGNED_IN[name]
    steps = _steps(pair)
    signing_in = adapter_of(pair["provider"]).authorize(pair["authorize"], pair["now_ms"])
    made, headers = run(signing_in, *_answers(steps))
    shown = [_shown(one, pair.get("varies", ())) for one in made]
    assert shown == [step["request"] for step in steps]
    assert dict(headers) == pair["means"]["headers"]


@pytest.mark.parametrize("name", SOUGHT)
def test_look_up_is_as_documented(name: str) -> None:
    """The job of a paid call without a response, or none."""
    pair = SOUGHT[name]
    call = pair["look_up"]
    route = route_of(pair["provider"], call["operation"], call["model"])
    work = job_request_of(route, call["params"], call["inputs"])
    steps = _steps(pair)
    made, out = run(adapter_of(pair["provider"]).look_up(work, call["since_s"]), *_answers(steps))
    assert [_shown(one) for one in made] == [step["request"] for step in steps]
    assert (out.job_id if out else None) == pair["means"]["job_id"]


@pytest.mark.parametrize("name", STYLED)
def test_catalogue_is_read_page_by_page(name: str) -> None:
    """Every group with every style, ids to their last digit."""
    pair = STYLED[name]
    steps = _steps(pair)
    reading = adapter_of(pair["provider"]).styles(route_of(pair["provider"], pair["styles"]))
    made, groups = run(reading, *_answers(steps))
    assert [_shown(one) for one in made] == [step["request"] for step in steps]
    assert [_told_group(group) for group in groups] == pair["means"]["groups"]


@pytest.mark.parametrize("name", BALANCED)
def test_balance_is_read(name: str) -> None:
    """Of all kinds of credits together."""
    pair = BALANCED[name]
    steps = _steps(pair)
    reading = adapter_of(pair["provider"]).balance()
    assert reading is not None
    made, balance = run(reading, *_answers(steps))
    assert [_shown(one) for one in made] == [step["request"] for step in steps]
    assert asdict(balance) == pair["means"]


def test_every_pair_is_used_and_names_its_source() -> None:
    """Every file in the folder is read by a test."""
    sorts = (SUBMITTED, POLLED, REFUSED, SIGNED_IN, SOUGHT, STYLED, BALANCED)
    assert sorted(PAIRS) == sorted(name for sort in sorts for name in sort)
    assert all(pair["source"] for pair in PAIRS.values())


def test_every_provider_has_pairs_of_every_kind() -> None:
    """Without them a provider would be tested against its own sandbox only."""
    for adapter in build_adapters():
        for sort in (SUBMITTED, POLLED, REFUSED):
            assert any(pair["provider"] == adapter.name for pair in sort.values())


def _steps(pair: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The free round trips of a pair; those of a poll may be written as a single one."""
    if "poll" in pair and "steps" not in pair:
        return [{"request": pair["request"], "answer": pair["answer"]}]
    return list(pair.get("steps", ()))


def _upload(key: str) -> Mapping[str, Any]:
    """Apiframe's upload of a file, the same for each."""
    request = {"method": "POST", "path": "/v2/uploads", "files": [["file", key]]}
    return {
        "request": request,
        "answer": {"status": 201, "body": {"url": f"https://files.test/{key}"}},
    }


def _answers(steps: Sequence[Mapping[str, Any]]) -> list[Response]:
    answers = [step["answer"] for step in steps]
    return [response_of(one["status"], one["body"], one.get("headers")) for one in answers]


def _shown(request: Request, varies: Sequence[str] = ()) -> dict[str, Any]:
    """A free request as a pair writes it: without empty fields."""
    document = None if request.json is None else dict(request.json)
    for name in varies:
        if document is not None and isinstance(document.get(name), str) and document[name]:
            document[name] = "(varies)"
    everything = {
        "method": request.method,
        "path": request.path,
        "host": request.host,
        "json": document,
        "form": dict(request.form),
        "files": [[part.field, part.input.key] for part in request.files],
        "encoded": [[part.field, part.input.key] for part in request.encoded],
        "content": request.content.key if request.content else None,
        "headers": dict(request.headers),
    }
    return {name: value for name, value in everything.items() if value not in ("", None, {}, [])}


def _told_group(group: StyleGroup) -> dict[str, Any]:
    styles = [{"id": one.id, "title": one.title, "thumb": one.thumb} for one in group.styles]
    return {"id": group.id, "title": group.title, "styles": styles}


def _told(out: Accepted | Finished | Pending | JobFailed) -> dict[str, Any]:
    match out:
        case Accepted(job_id=job_id):
            return {"job_id": job_id}
        case Pending(progress=progress, ask_again_s=None):
            return {"pending": progress}
        case Pending(progress=progress, ask_again_s=pause_s):
            return {"pending": progress, "ask_again_s": pause_s}
        case JobFailed(code=code, sentence=sentence, charged=charged):
            return {"failed": code, "charged": charged, "sentence": sentence}
        case Finished(results=results, credits=paid, facts=facts):
            outcome: dict[str, Any] = {"results": [], "facts": dict(facts)}
            if paid is not None:
                outcome["credits"] = paid
            for result in results:
                one: dict[str, Any] = {"kind": result.kind}
                if result.url is not None:
                    one["url"] = result.url
                elif result.kind == "json":
                    one["json"] = json.loads(base64.b64decode(result.data or ""))
                else:
                    one["data"] = result.data
                outcome["results"].append(one)
            return outcome
