"""What the checkers find, found once for all workers."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.infra.checkers.checkers import Checked, Finding, run_checkers
from tests.infra.conftest import Synthesis
from tests.infra.synthesis import SHIPPED
from tests.once import made_once

ANSWER = "answer.json"


@pytest.fixture(scope="session")
def checked(
    synthesis: Synthesis, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Checked]:
    """Environment -> what cfn-lint and checkov find in its template."""

    def check(folder: Path) -> None:
        names = [*SHIPPED, "bank"]
        templates = {name: synthesis.templates[name].path for name in names}
        found = run_checkers(templates)
        answer = {name: [each.cfn_lint, sorted(each.checkov)] for name, each in found.items()}
        (folder / ANSWER).write_text(json.dumps(answer), "utf-8")

    folder = made_once(tmp_path_factory, "checkers", check)
    answer = json.loads((folder / ANSWER).read_text("utf-8"))
    return {
        name: Checked(cfn_lint, {Finding(*each) for each in checkov})
        for name, (cfn_lint, checkov) in answer.items()
    }
