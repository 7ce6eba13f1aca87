"""Text from outside is escaped for terminals, rich and shells."""

import ast
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from darkroom.domain.object_keys import shell_quote
from darkroom.pipeline.endings.next_steps import status_command
from infra import cli
from infra.cli.demo.contact_sheet import Pair, draw_contact_sheet
from infra.cli.main import main
from infra.cli.printing import MultilineError, cell, escape, note, say, say_json, say_lines
from infra.cli.tasks.describe import task_lines
from infra.cli.tasks.progress import ProgressTable, Row, build_table
from tests.fakes.routes import JOB_KEY
from tests.pipeline.harness import Studio

HOSTILE = "p/a\x1b]0;owned\x07\x1b[2K\r\x9b31mstate succeeded\n\u202ecat\u2066.jpg\u200b\x7f\udce9"
"""A terminal title, colours, a line feed, marks of direction, invisible characters, a raw byte."""
ESCAPED = r"p/a\x1b]0;owned\x07\x1b[2K\r\x9b31mstate succeeded\n\u202ecat\u2066.jpg\u200b\x7f\xe9"


def printed(call: Callable[[], object]) -> str:
    """What a command that calls this prints on both streams."""

    @click.command()
    def command() -> None:
        call()

    return CliRunner().invoke(command, catch_exceptions=False).output


def test_control_characters_are_escaped() -> None:
    """The text becomes one readable line; escaping it again changes nothing."""
    assert escape(HOSTILE) == ESCAPED
    assert escape(ESCAPED) == ESCAPED
    assert printed(lambda: say(HOSTILE)) == f"{ESCAPED}\n"
    assert printed(lambda: note(HOSTILE)) == f"{ESCAPED}\n"


@pytest.mark.parametrize("name", ["Käse 猫 كلب.jpg", "a\u3000b\u202fc.jpg", "😀 [red] C:\\x.jpg"])
def test_ordinary_text_is_not_escaped(name: str) -> None:
    """Every script stays as it is, with its own spaces."""
    assert escape(name) == name


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """This holds for any Unicode text."""
    line = escape(text)
    assert len(line.splitlines()) <= 1
    assert all(
        char.isprintable()
        or char in "\u00a0\u1680\u202f\u205f\u3000"
        or "\u2000" <= char <= "\u200a"
        for char in line
    )
    line.encode()


def test_say_lines_keeps_line_feeds() -> None:
    """Everything else is escaped."""
    assert printed(lambda: say_lines("one\ntw\x1bo\n")) == "one\ntw\\x1bo\n"


def test_json_is_escaped_as_json() -> None:
    """A program reads back the same text; the output is printable."""
    document = {"key": HOSTILE, "title": "Käse \U000e0041"}
    text = printed(lambda: say_json(document))
    assert json.loads(text) == document
    assert "Käse" in text
    assert text.replace("\n", "").isprintable()


def test_rich_interprets_no_markup_in_a_name() -> None:
    """No colours, links or emoji: in table, lines and title."""
    name = "[red]a[/red] [link=http://evil]b[/link] :smile: \x1b[31m"
    row = Row("id", name, "upscale", "snapapi", "failed", 1.0, note=name)
    expected = name.replace("\x1b", "\\x1b")
    out = io.StringIO()
    console = Console(file=out, width=400, force_terminal=True, color_system=None)
    console.print(build_table([row], name))
    assert out.getvalue().count(expected) == 3
    plain = io.StringIO()
    with ProgressTable(Console(file=plain, width=80), "x") as table:
        table.show([row])
    assert plain.getvalue().count(expected) == 2
    assert plain.getvalue().count("\n") == 1
    assert cell(name).plain == expected


def test_an_error_that_quotes_a_name_is_escaped() -> None:
    """Our errors and click's own are escaped; the exit code stays."""
    for arguments, code in (
        (["providers", HOSTILE], 2),
        (["validate", f"no{HOSTILE}"], 2),
        (["put", "--label", HOSTILE, "--operation", "upscale", __file__], 2),
        ([HOSTILE], 2),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code
        assert "\\x1b]0;owned" in result.output
        assert result.output.replace("\n", "").isprintable()
        assert "state succeeded\n" not in result.output


def test_a_multiline_error_keeps_its_lines() -> None:
    """Each line is escaped alone, so that a name cannot add one."""
    assert MultilineError(["one", "tw\no"]).message == "one\ntw\\no"


def test_a_key_with_a_line_feed_adds_no_line_to_a_task() -> None:
    """Each fact stays on one line."""
    studio = Studio()
    studio.drop("p/a\nstate      succeeded.jpg")
    studio.ask(JOB_KEY, "p/a\nstate      succeeded.jpg.json")
    lines = task_lines(studio.task)
    assert len([line for line in lines if line.startswith("state")]) == 1
    assert not any("\n" in line for line in lines)


def test_a_label_with_a_line_feed_stays_on_one_line() -> None:
    """Otherwise it would be drawn over the next pair of the contact sheet."""
    one, other = (draw_contact_sheet([Pair(label, None, None)]) for label in ("a\nb", "a\\nb"))
    assert one.tobytes() == other.tobytes()


SHELLS = [
    name
    for name in ("bash", "zsh", "ksh")
    if any(os.access(Path(folder) / name, os.X_OK) for folder in os.get_exec_path())
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "name",
    [
        "p/cat.jpg",
        "p/a cat; touch $(x) `y` 'z' \"w\".jpg",
        "p/\x1b[31m\n\r\t'\\ é\u202e.jpg",
        "p/caf\udce9.jpg",
    ],
)
def test_a_quoted_name_is_one_word_for_a_shell(shell: str, name: str) -> None:
    """Pasted into a command it is the same name, and it is printable."""
    word = shell_quote(name)
    assert word.isprintable()
    found = subprocess.run(
        [shell, "-c", f"printf %s {word}"],
        capture_output=True,
        check=True,
    )
    assert found.stdout == os.fsencode(name)


def test_a_name_in_a_next_step_is_quoted_and_not_an_option() -> None:
    """A spec's name must not become a part of the command."""
    assert status_command("photos/cat.jpg.json") == "`darkroom status photos/cat.jpg.json`"
    assert status_command("a; rm -r x.json") == "`darkroom status 'a; rm -r x.json'`"
    assert status_command("--env=x.json") == "`darkroom status /--env=x.json`"
    assert shell_quote("\ud800") == "$'?'"


def test_only_printing_py_prints() -> None:
    """No other file of the command prints, or makes its own console."""
    printing = []
    for path in sorted(Path(cli.__file__).parent.rglob("*.py")):
        if path.name == "printing.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            match node.func:
                case ast.Attribute(attr="echo" | "secho" | "echo_via_pager" | "write"):
                    printing.append(f"{path.name}:{node.lineno}")
                case ast.Name(id="print" | "Console"):
                    printing.append(f"{path.name}:{node.lineno}")
    assert printing == []
