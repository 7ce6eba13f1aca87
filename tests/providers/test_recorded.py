"""Requests and answers as the vendors document them; each pair names its source."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from darkroom.errors import Throttled
from darkroom.ports import Accepted, JobFailed, Pending
from darkroom.providers import build_adapters
from darkroom.task import Finished
from tests.providers.exchanges import adapter_of, answer_of, route_of, run, work_of

PAIRS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "recorded").glob("*.json"))
}
SUBMITTED = {name: pair for name, pair in PAIRS.items() if "operation" in pair}
POLLED = {name: pair for name, pair in PAIRS.items() if "poll" in pair}
REFUSED = {name: pair for name, pair in PAIRS.items() if "error" in pair["means"]}


@pytest.mark.parametrize("name", SUBMITTED)
def test_a_spec_becomes_the_documented_request(name: str) -> None:
    """Path, fields, parameters and files are the ones that the document shows, and no others."""
    pair = SUBMITTED[name]
    adapter = adapter_of(pair["provider"])
    route = route_of(pair["provider"], pair["operation"], pair["model"])
    work = work_of(route, pair["params"], pair["inputs"])
    uploads = [
        answer_of(201, {"url": f"https://files.test/{key}"})
        for keys in pair["inputs"].values()
        for key in keys
        if pair["provider"] == "apiframe"
    ]

    made, request = run(adapter.prepare(work), *uploads)

    wanted = pair["request"]
    assert [(one.method, one.path) for one in made] == [("POST", "/v2/uploads")] * len(uploads)
    assert (request.method, request.path) == (wanted["method"], wanted["path"])
    assert request.json == wanted.get("json")
    assert dict(request.form) == wanted.get("form", {})
    files = [[part.field, part.input.key] for part in request.files]
    assert files == wanted.get("files", [])


@pytest.mark.parametrize("name", SUBMITTED)
def test_the_documented_answer_of_a_paid_call_is_understood(name: str) -> None:
    """Results, data, facts or the job's name."""
    pair = SUBMITTED[name]
    adapter = adapter_of(pair["provider"])
    route = route_of(pair["provider"], pair["operation"], pair["model"])
    work = work_of(route, pair["params"], pair["inputs"])
    out = adapter.read_submit(work, answer_of(pair["answer"]["status"], pair["answer"]["body"]))
    assert _told(out) == pair["means"]


@pytest.mark.parametrize("name", POLLED)
def test_the_documented_state_of_a_job_is_understood(name: str) -> None:
    """One request, and what its answer means."""
    pair = POLLED[name]
    adapter = adapter_of(pair["provider"])
    route = next(route for route in adapter.routes if route.asynchronous)
    answer = answer_of(pair["answer"]["status"], pair["answer"]["body"])
    made, out = run(adapter.poll(route, pair["poll"]), answer)
    assert [{"method": one.method, "path": one.path} for one in made] == [pair["request"]]
    assert _told(out) == pair["means"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_documented_refusal_has_its_error(name: str) -> None:
    """Class and code by status; the provider's own words only where they help."""
    pair = REFUSED[name]
    answer = pair["answer"]
    error = adapter_of(pair["provider"]).refuse(
        answer_of(answer["status"], answer["body"], answer["headers"])
    )
    means = pair["means"]
    assert type(error).__name__ == means["error"]
    assert error.failure.code == means["code"]
    assert means["says"] is None or means["says"] in error.failure.sentence
    assert error.failure.sentence.endswith(".")
    if isinstance(error, Throttled):
        assert error.retry_after_s == means["retry_after_s"]


def test_every_pair_is_used_and_names_its_source() -> None:
    """Nothing lies in the folder that no test reads."""
    assert PAIRS.keys() == SUBMITTED.keys() | POLLED.keys() | REFUSED.keys()
    assert all(pair["source"] for pair in PAIRS.values())


def test_every_provider_has_pairs_of_every_sort() -> None:
    """A provider without them would be tested against its own sandbox alone."""
    for adapter in build_adapters():
        for sort in (SUBMITTED, POLLED, REFUSED):
            assert any(pair["provider"] == adapter.name for pair in sort.values())


def _told(out: Accepted | Finished | Pending | JobFailed) -> dict[str, Any]:
    match out:
        case Accepted(job_id=job_id):
            return {"job_id": job_id}
        case Pending(progress=progress):
            return {"pending": progress}
        case JobFailed(code=code, sentence=sentence, charged=charged):
            return {"failed": code, "charged": charged, "sentence": sentence}
        case Finished(results=results, credits=paid, facts=facts):
            told: dict[str, Any] = {"results": [], "facts": dict(facts)}
            if paid is not None:
                told["credits"] = paid
            for result in results:
                one: dict[str, Any] = {"kind": result.kind}
                if result.url is not None:
                    one["url"] = result.url
                elif result.kind == "json":
                    one["json"] = json.loads(base64.b64decode(result.data or ""))
                else:
                    one["data"] = result.data
                told["results"].append(one)
            return told
