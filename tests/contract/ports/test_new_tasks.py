"""What every count of new tasks promises."""

from datetime import timedelta

from darkroom.ports import NewTasks
from tests.fakes.clock import START


def test_new_tasks_of_a_folder_are_counted_for_five_to_ten_minutes(new_tasks: NewTasks) -> None:
    """Each folder has its own count."""
    for minutes, expected in ((0, 1), (1, 2), (4.9, 3), (5, 4), (9.9, 5), (10, 3), (30, 1)):
        assert new_tasks.count("shop/", START + timedelta(minutes=minutes)) == expected
    assert new_tasks.count("", START) == 1
