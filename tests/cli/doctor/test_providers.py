"""The providers: paused and why, and whether they answer a free call."""

from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, Blocked, CircuitState
from darkroom.domain.errors import AccountBlocked, Busy
from darkroom.domain.prices import Balance
from darkroom.pipeline.admission.payment_pause import DELIVERY
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.providers import check_call_of, check_pauses
from tests.cli.doctor.scripted_aws import examined, find
from tests.fakes.clock import START
from tests.pipeline.harness import PipelineHarness

NOW = START.timestamp()
OPEN = CircuitState(FAILURES_TO_OPEN, NOW + 60, "It was busy.")


def paused(name: str, circuit: CircuitState) -> Examined:
    """An environment with one pause."""
    harness = PipelineHarness()
    harness.limiter.compare_and_set(name, CircuitState(), circuit)
    return examined(open_ports=lambda: harness.ports)


def test_no_pause_is_right() -> None:
    """One line says so."""
    [found] = find(check_pauses, paused("snapapi", CircuitState(0, NOW - 1)))
    assert found.level == "ok"


@pytest.mark.parametrize(
    ("name", "blocked", "level", "sentence", "fix"),
    [
        (
            "snapapi",
            None,
            "warning",
            "snapapi is paused: It was busy.",
            "darkroom status --env shop",
        ),
        (
            "snapapi",
            Blocked(NOW, "bad-credentials"),
            "problem",
            "snapapi is paused",
            "darkroom keys set snapapi --env shop",
        ),
        (
            "apiframe",
            Blocked(NOW, "no-credits"),
            "problem",
            "no credits at apiframe: no task waits. Add credits there",
            "darkroom balance apiframe --env shop",
        ),
        (DELIVERY, None, "problem", "no new paid calls while", "darkroom status --env shop"),
    ],
)
def test_each_pause_has_its_reason_and_its_way_on(
    name: str, blocked: Blocked | None, level: str, sentence: str, fix: str
) -> None:
    """Some end by themselves, others need a person."""
    [found] = find(check_pauses, paused(name, replace(OPEN, blocked=blocked)))
    assert (found.level, found.fix) == (level, fix)
    assert found.sentence.startswith(sentence)


class Answering:
    """Providers of which one answers a free call."""

    def __init__(self, answer: Balance | Exception | None) -> None:
        self.answer = answer

    def balance(self, provider: str) -> Balance | None:
        """The answer, whatever the provider."""
        assert provider == "goapi"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "level", "sentence"),
    [
        (Balance(credits=1250.0), "ok", "answers; 1,250 credits"),
        (Balance(credits=0), "problem", "accepts the key, and has no credits"),
        (Balance(credits=None, note="plan pro"), "ok", "answers; plan pro"),
        (None, "not checked", "its vendor documents no free call"),
        (AccountBlocked("not-set-up", "No key."), "not checked", "it has no key"),
        (AccountBlocked("bad-credentials", "No such key."), "problem", "No such key."),
        (Busy("busy", "It is down."), "problem", "does not answer: It is down."),
    ],
)
def test_free_call_says_whether_the_key_works(answer: Any, level: str, sentence: str) -> None:
    """A provider that cannot be asked is no problem."""
    ports: Any = replace(PipelineHarness().ports, providers=Answering(answer))  # type: ignore[arg-type]
    [found] = find(check_call_of("goapi"), examined(open_ports=lambda: ports))
    assert found.level == level
    assert found.sentence.startswith(sentence)
    assert bool(found.fix) == (level == "problem" or sentence == "it has no key")
