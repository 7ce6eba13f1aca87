"""The README shows the results that are stored."""

from tests.benchmarks.__main__ import NAMES, describe_machine
from tests.benchmarks.table import BEGIN, END, README_PATH, build_tables, read_results


def test_readme_agrees_with_the_results() -> None:
    """`python -m tests.benchmarks --table` writes it anew."""
    _, _, rest = README_PATH.read_text("utf-8").partition(f"{BEGIN}\n")
    shown, _, _ = rest.partition(END)
    assert shown == build_tables(read_results())


def test_every_result_says_where_and_when() -> None:
    """A figure without its machine cannot be compared."""
    results = read_results()
    assert set(results) <= set(NAMES)
    for one in results.values():
        assert set(one) == {"date", "machine", "took_s", "figures"}
        assert set(one["machine"]) == set(describe_machine())


def test_no_results_make_no_table() -> None:
    """Before the first run."""
    assert build_tables({}) == ""
