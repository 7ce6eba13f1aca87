"""What a stranger named is shown; no terminal, no rich and no shell obeys anything in it."""

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
from infra.cli.printing import Several, cell, note, say, say_json, say_lines, shown
from infra.cli.tasks.describe import task_lines
from infra.cli.tasks.progress import ProgressTable, Row, table_of
from tests.fakes.routes import JOB_KEY
from tests.pipeline.harness import Studio

EVIL = "p/a\x1b]0;owned\x07\x1b[2K\r\x9b31mstate succeeded\n\u202ecat\u2066.jpg\u200b\x7f\udce9"
"""A title, colours, a line feed, marks of direction, nothing to see, a byte that is no text."""
SHOWN = r"p/a\x1b]0;owned\x07\x1b[2K\r\x9b31mstate succeeded\n\u202ecat\u2066.jpg\u200b\x7f\xe9"


def printed(act: Callable[[], object]) -> str:
    """What a command that does this prints on both streams."""

    @click.command()
    def command() -> None:
        act()

    return CliRunner().invoke(command, catch_exceptions=False).output


def test_what_a_terminal_would_obey_is_escaped() -> None:
    """On one line, readable, and the same when it was shown already."""
    assert shown(EVIL) == SHOWN
    assert shown(SHOWN) == SHOWN
    assert printed(lambda: say(EVIL)) == f"{SHOWN}\n"
    assert printed(lambda: note(EVIL)) == f"{SHOWN}\n"


@pytest.mark.parametrize("name", ["Käse 猫 كلب.jpg", "a\u3000b\u202fc.jpg", "😀 [red] C:\\x.jpg"])
def test_what_people_write_stays_as_it_is(name: str) -> None:
    """Every script, and the spaces that some of them have."""
    assert shown(name) == name


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    """Whatever there is in Unicode."""
    line = shown(text)
    assert len(line.splitlines()) <= 1
    assert all(
        char.isprintable()
        or char in "\u00a0\u1680\u202f\u205f\u3000"
        or "\u2000" <= char <= "\u200a"
        for char in line
    )
    line.encode()


def test_a_text_of_ours_keeps_its_lines() -> None:
    """And nothing but these."""
    assert printed(lambda: say_lines("one\ntw\x1bo\n")) == "one\ntw\\x1bo\n"


def test_json_is_escaped_as_json_and_stays_readable() -> None:
    """A program reads back what was there; a terminal obeys nothing of it."""
    document = {"key": EVIL, "title": "Käse \U000e0041"}
    text = printed(lambda: say_json(document))
    assert json.loads(text) == document
    assert "Käse" in text
    assert text.replace("\n", "").isprintable()


def test_rich_reads_no_markup_in_a_name() -> None:
    """Neither colours nor links nor pictures, in the table as in the lines and the title."""
    name = "[red]a[/red] [link=http://evil]b[/link] :smile: \x1b[31m"
    row = Row("id", name, "upscale", "snapapi", "failed", 1.0, note=name)
    expected = name.replace("\x1b", "\\x1b")
    out = io.StringIO()
    console = Console(file=out, width=400, force_terminal=True, color_system=None)
    console.print(table_of([row], name))
    assert out.getvalue().count(expected) == 3
    plain = io.StringIO()
    with ProgressTable(Console(file=plain, width=80), "x") as board:
        board.show([row])
    assert plain.getvalue().count(expected) == 2
    assert plain.getvalue().count("\n") == 1
    assert cell(name).plain == expected


def test_an_error_that_quotes_a_name_is_escaped() -> None:
    """Of ours, and of click's own; the exit code stays."""
    for arguments, code in (
        (["providers", EVIL], 2),
        (["validate", f"no{EVIL}"], 2),
        (["put", "--label", EVIL, "--operation", "upscale", __file__], 2),
        ([EVIL], 2),
    ):
        said = CliRunner().invoke(main, arguments)
        assert said.exit_code == code
        assert "\\x1b]0;owned" in said.output
        assert said.output.replace("\n", "").isprintable()
        assert "state succeeded\n" not in said.output


def test_an_error_of_several_lines_keeps_them() -> None:
    """Each escaped by itself, so that a name cannot add one."""
    assert Several(["one", "tw\no"]).message == "one\ntw\\no"


def test_a_task_is_told_on_as_many_lines_as_it_has_facts() -> None:
    """A key with a line feed cannot make up another one."""
    studio = Studio()
    studio.drop("p/a\nstate      succeeded.jpg")
    studio.ask(JOB_KEY, "p/a\nstate      succeeded.jpg.json")
    lines = task_lines(studio.task)
    assert len([line for line in lines if line.startswith("state")]) == 1
    assert not any("\n" in line for line in lines)


def test_a_contact_sheet_has_a_line_for_each_pair() -> None:
    """A label with a line feed would be drawn over the next picture."""
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
def test_a_name_is_one_word_for_a_shell(shell: str, name: str) -> None:
    """Pasted into a command it means itself, and shows nothing that a terminal would obey."""
    word = shell_quote(name)
    assert word.isprintable()
    found = subprocess.run(
        [shell, "-c", f"printf %s {word}"],
        capture_output=True,
        check=True,
    )
    assert found.stdout == os.fsencode(name)


def test_a_name_in_a_next_step_is_a_word_and_no_option() -> None:
    """What a spec is called must not become a part of the command."""
    assert status_command("photos/cat.jpg.json") == "`darkroom status photos/cat.jpg.json`"
    assert status_command("a; rm -r x.json") == "`darkroom status 'a; rm -r x.json'`"
    assert status_command("--env=x.json") == "`darkroom status /--env=x.json`"
    assert shell_quote("\ud800") == "$'?'"


def test_nothing_is_printed_past_the_one_place() -> None:
    """No file of the command prints by itself, or makes a console of its own."""
    found = []
    for path in sorted(Path(cli.__file__).parent.glob("*.py")):
        if path.name == "printing.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            match node.func:
                case ast.Attribute(attr="echo" | "secho" | "echo_via_pager" | "write"):
                    found.append(f"{path.name}:{node.lineno}")
                case ast.Name(id="print" | "Console"):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
