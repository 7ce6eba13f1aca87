"""Whether a person is asked before much is paid."""

import sys

import click
import pytest

from infra.cli.money.ask import Limits, confirm_payment


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal at which the user says yes; the questions."""
    asked: list[str] = []

    def say_yes(text: str, **_: object) -> bool:
        asked.append(text)
        return True

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", say_yes)
    return asked


@pytest.mark.parametrize(
    ("tasks", "usd", "limits", "asks"),
    [
        (0, 0.0, Limits(0), False),
        (50, None, Limits(), False),
        (51, 0.01, Limits(), True),
        (2, 1.0, Limits(50, 1.0), False),
        (2, 1.01, Limits(50, 1.0), True),
        (1, None, Limits(50, 1.0), True),
    ],
)
def test_person_is_asked_above_a_number_or_an_amount(
    terminal: list[str], tasks: int, usd: float | None, limits: Limits, *, asks: bool
) -> None:
    """An unknown amount counts as more; who was asked has approved."""
    assert confirm_payment(tasks, usd, limits, yes=False) is asks
    noun = "1 task" if tasks == 1 else f"{tasks} tasks"
    assert terminal == ([f"upload, and pay for {noun}?"] if asks else [])


@pytest.mark.usefixtures("terminal")
def test_no_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is uploaded."""

    def say_no(_text: str, **_: object) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", say_no)
    with pytest.raises(click.Abort):
        confirm_payment(51, None, Limits(), yes=False)


def test_yes_approves_without_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few there are; without a terminal and without --yes it says what to do."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert confirm_payment(1, None, Limits(), yes=True)
    with pytest.raises(click.UsageError, match="an unknown amount, perhaps more than"):
        confirm_payment(1, None, Limits(50, 1.0), yes=False)
