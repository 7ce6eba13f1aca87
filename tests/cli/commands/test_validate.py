"""`darkroom validate`: which specs it accepts and refuses, and its output."""

import json
from pathlib import Path

from click.testing import CliRunner

from infra.cli.checkout import SPECS
from infra.cli.main import main
from infra.cli.offline_specs import check_spec
from tests.fakes.run_adapter import ADAPTERS


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and stdout of `validate`."""
    output = CliRunner().invoke(main, ["validate", *arguments])
    return output.exit_code, output.stdout


def test_every_sample_spec_is_valid_beside_a_photo() -> None:
    """A sample can be copied as it is."""
    samples = sorted(SPECS.glob("*.json"))
    assert samples
    for path in samples:
        checked = check_spec(path.read_bytes(), path.name, "astronaut.jpg.json")
        assert checked.order is not None, checked.message
        operation, provider, *_family = path.stem.split(".")
        assert (operation, provider) == (checked.order.operation, checked.order.providers[0])


def test_a_good_spec_beside_its_photo_needs_no_option(tmp_path: Path) -> None:
    """The photo follows from the spec's name, and need not exist."""
    spec = tmp_path / "cat.jpg.json"
    spec.write_text('{"operation": "upscale", "fallback": "any"}')
    code, output = run(str(spec))
    assert code == 0
    offered = [one.name for one in ADAPTERS if any(r.operation == "upscale" for r in one.routes)]
    assert output == f"{spec}: ok (upscale by {', '.join(offered)})\n"
    spec.write_text('{"operation": "upscale"}')
    assert run(str(spec)) == (0, f"{spec}: ok (upscale by {offered[0]})\n")  # others may be dearer


WRONG_SPECS = [
    ("cat.jpg.json", '{"operation": "upscal"}', ["upscal", "Did you mean 'upscale'?"]),
    ("cat.jpg.json", '{"operation": "upscale", "parms": {}}', ["parms", "'params'"]),
    (
        "cat.jpg.json",
        '{"operation": "upscale", "provider": "snapapi", "params": {"scale": 3}}',
        ["scale", "3", "2 or 4"],
    ),
    ("cat.jpg.json", '{"operation": "upscale"', ["not valid JSON", "line 1"]),
    ("cat.jpg.json", '{"a": 1}', ["operation"]),
    ("cat.jpg.a-1.json", '{"operation": "upscale"}', ["label", "a-1"]),
    ("sunset.json", '{"operation": "upscale"}', ["image"]),
    ("cat.yaml", '{"operation": "upscale"}', [".json"]),
    (
        "cat.jpg.json",
        '{"operation": "try-on", "provider": "apiframe"}',
        ["apiframe", "snapapi"],
    ),
]
"""File name, text, and what the message contains."""


def test_a_wrong_spec_is_reported_with_its_name_and_fault(tmp_path: Path) -> None:
    """The line names the file, the fault and what is allowed; the exit code is 1."""
    for name, text, parts in WRONG_SPECS:
        spec = tmp_path / name
        spec.write_text(text)
        code, output = run(str(spec))
        assert code == 1, text
        for part in [str(spec), *parts]:
            assert part in output, (text, part)


def test_one_wrong_spec_fails_the_command_and_all_are_reported(tmp_path: Path) -> None:
    """Every file gets its own result."""
    good, bad = tmp_path / "a.jpg.json", tmp_path / "b.jpg.json"
    good.write_text('{"operation": "upscale"}')
    bad.write_text("[]")
    code, output = run(str(bad), str(good), "--json")
    assert code == 1
    printed = json.loads(output)
    assert [one["ok"] for one in printed] == [False, True]
    assert printed[0]["code"] == "not-a-spec"
    assert printed[1]["operation"] == "upscale"


def test_source_names_the_photo_of_a_spec_elsewhere(tmp_path: Path) -> None:
    """The spec is checked as if it were beside that photo."""
    spec = tmp_path / "any.json"
    spec.write_text('{"operation": "upscale"}')
    assert run(str(spec))[0] == 1
    assert run(str(spec), "--source", "some/cat.jpg")[0] == 0
