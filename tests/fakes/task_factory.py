"""Sample tasks."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from darkroom.domain.attempt import Attempt, Finished, ResultRef
from darkroom.domain.errors import Failure
from darkroom.domain.order import Choice, Input, Order, SpecFacts, Trigger, UsedDefault
from darkroom.domain.task import Ending, Result, State, Task
from tests.fakes.clock import START


def sample_task(number: int = 1, state: State = "queued", **changes: Any) -> Task:
    """A task; the same number is the same task, another number is another spec's."""
    key = f"photos/{number}.jpg.json"
    output = f"photos/{number}.jpg/upscale"
    task = Task(
        task_id=f"{number:04x}" * 8,
        trigger=Trigger("upload", "darkroom-input", key, f"v{number}"),
        output=output,
        manifest_key=f"{output}.manifest.json",
        created_at=START,
        updated_at=START,
        deadline=START + timedelta(hours=1),
        state=state,
        order=Order(
            "upscale", (Choice("beta", "beta-1"),), keys={"image": (f"photos/{number}.jpg",)}
        ),
    )
    return replace(task, **changes)


def full_task(at: datetime = START) -> Task:
    """A task with something in every field."""
    file = Input("photos/ä +%.jpg", "v1", "abc", 10**12, "f" * 64)
    refs = (ResultRef("image", url="https://x.example/1?a=b"), ResultRef("json", data="e30="))
    attempt = Attempt(
        number=3,
        provider="beta",
        model="beta-1",
        started_at=at,
        call_until=at + timedelta(seconds=110.5),
        run=2,
        asked_since=at + timedelta(hours=1),
        outcome="accepted",
        request='{"exact": "request 😀"}',
        replays=2,
        job_id="job-1",
        accepted_at=at + timedelta(microseconds=1),
        answer=Finished(refs, 0.25, {"box": [1, 2.5, -3], "none": None, "ok": True}),
        answer_key="_darkroom/work/x/3",
        facts={"nested": {"deeper": [{"a": ""}]}},
        ended_at=at + timedelta(days=1),
        failure=Failure("code", "A sentence.", "A step."),
        charged="yes",
        credits=1.5,
    )
    params = {
        "scale": 2,
        "ratio": 0.1,
        "tiny": 1e-99,
        "huge": 1e99,
        "text": "",
        "list": [],
        "map": {},
    }
    return sample_task(
        7,
        "delivering",
        source="photos/7.jpg",
        order=Order(
            "upscale",
            (Choice("beta", "beta-1"), Choice("gamma", "gamma-1")),
            {"image": (file.key,)},
            {"image": (file,)},
            params,
            {"sku": "A-113", "nothing": None, "whole": 2.0},
            "retry",
            output={"name": "{stem}", "folder": "/done"},
            defaults=(UsedDefault("photos/_darkroom.json", "v3"),),
        ),
        results_name=("done/7-", ""),
        run=2,
        revision=0,
        attempts=(replace(attempt, number=1, outcome="failed"), attempt),
        results=(Result("photos/7.jpg/upscale.png", "image", "image/png", 5, "0" * 64),),
        ending=Ending("failed", Failure("a", "B.", "C.")),
        wants=("photos/7.jpg", "photos/7.mask.png"),
        supersedes="0" * 32,
        wait_reason="waits",
        waits=3,
        gone=1,
        look_at=at + timedelta(minutes=15),
        asked=SpecFacts("upscale", "beta", {"sku": "A-113"}),
        batch="night-7",
        deadline_s=3600,
    )
