"""Findings as text: 80 columns, and commands that can be copied."""

import shlex

from infra.cli.doctor.buckets import notification_command
from infra.cli.doctor.finding import not_checked, ok, problem, warning
from infra.cli.doctor.show import WIDTH, as_document, finding_lines, summary


def test_finding_fits_into_80_columns() -> None:
    """A long sentence goes on below its beginning."""
    lines = list(finding_lines(problem("dead letters", "word " * 40, "darkroom redrive")))
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("problem      dead letters     word")
    assert lines[1].startswith(" " * 30 + "word")
    assert lines[-1] == " " * 13 + "$ darkroom redrive"


def test_long_command_can_be_copied() -> None:
    """Backslashes join its lines; what is quoted stays whole."""
    command = notification_command("shop-in", {"QueueConfigurations": [{"Id": "a b"}]})
    lines = list(finding_lines(problem("input bucket", "no", command)))[1:]
    assert len(lines) > 1
    # A shell drops a backslash before the end of a line, and Python's copy of its rules does not.
    copied = "\n".join(lines).replace("\\\n", "").strip().removeprefix("$")
    assert shlex.split(copied) == shlex.split(command)


def test_escape_sequences_of_others_are_shown_as_text() -> None:
    """A provider's or CloudFormation's words may hold any."""
    [line] = finding_lines(problem("stack", "bad \x1b[31mred", ""))
    assert "\x1b" not in line


def test_summary_counts() -> None:
    """The worst first."""
    found = [ok("a", ""), problem("b", "", "x"), warning("c", "", "x"), warning("d", "", "x")]
    assert summary([*found, not_checked("e", "")]) == "1 problem, 2 warnings, 1 not checked, 1 ok"
    assert as_document("dev", found)["ok"] is False
    assert as_document("dev", found[:1])["ok"] is True
