"""`darkroom approve`: held tasks go on, and only those."""

from darkroom.domain.holds import Hold
from tests.cli.conftest import MotoEnvironment


def test_held_tasks_of_a_folder_go_on(env: MotoEnvironment) -> None:
    """At any depth; the others are not touched."""
    guard = Hold("guard", "shop/")
    held = [env.add_task(f"shop/{name}.jpg.json", "held", hold=guard) for name in ("1", "a/2")]
    waiting = env.add_task("shop/3.jpg.json", "waiting", wants=("shop/3.jpg",))
    result = env.run("approve", "shop/")

    assert (result.exit_code, result.stderr) == (0, "2 approved\n")
    assert [env.state(task) for task in held] == ["queued", "queued"]
    assert env.state(waiting) == "waiting"
    assert env.run("approve", "shop/").stderr == "nothing to approve\n"


def test_task_that_waits_for_its_budget_is_refused_with_what_to_do(env: MotoEnvironment) -> None:
    """It goes on by itself."""
    reason = "is held: the budget of shop/ has no room for it"
    task = env.add_task("shop/1.jpg.json", "held", hold=Hold("budget", "shop/"), wait_reason=reason)
    result = env.run("approve", "shop/1.jpg.json")
    assert result.exit_code == 1
    assert "raise the budget" in result.stdout
    assert env.state(task) == "held"
