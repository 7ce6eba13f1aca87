"""Finds a task's lines in the functions' log groups in CloudWatch."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, get_args

from infra.aws.sizes import Verb
from infra.cli.aws_words import describe_error
from infra.cli.logs.entry import Entry
from infra.cli.logs.function_log import parse_line

if TYPE_CHECKING:
    from infra.aws.environments import Environment

VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
MAX_PAGES: Final = 200
"""A page may be empty: CloudWatch searches for a while, then answers with what it has."""


def read_groups(
    client: Any,  # noqa: ANN401 - boto3's clients differ by service
    settings: "Environment",
    task_id: str,
    window: tuple[datetime, datetime],
    say: Callable[[str], None],
) -> list[Entry]:
    """The lines of all functions that name the task, between two times.

    `say` gets a sentence for each group that could not be read.
    """

    def read(verb: Verb) -> tuple[list[Entry], str]:
        group = f"/aws/lambda/{settings.function_name(verb)}"
        entries: list[Entry] = []
        try:
            for entry in _read_group(client, group, verb, task_id, window):
                entries.append(entry)  # noqa: PERF402 - those before an error are kept
        except Exception as error:  # noqa: BLE001 - the other groups are wanted, whatever it is
            return entries, f"{group}: {describe_error(error)}"
        return entries, ""

    with ThreadPoolExecutor(len(VERBS)) as pool:
        answers = list(pool.map(read, VERBS))
    for _, reason in answers:
        if reason:
            say(reason)
    return [entry for entries, _ in answers for entry in entries]


def _read_group(
    client: Any,  # noqa: ANN401 - the same
    group: str,
    verb: Verb,
    task_id: str,
    window: tuple[datetime, datetime],
) -> Iterator[Entry]:
    start, end = (round(at.timestamp() * 1000) for at in window)
    # In quotes: a term with other characters than letters, digits and underscores needs them
    # (CloudWatch Logs guide, "Filter pattern syntax").
    parameters = {
        "logGroupName": group,
        "filterPattern": f'"{task_id}"',
        "startTime": start,
        "endTime": end,
    }
    for _ in range(MAX_PAGES):
        page = client.filter_log_events(**parameters)
        for event in page.get("events", []):
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            entry = parse_line(verb, event["message"], at)
            if entry is not None:
                yield entry
        if "nextToken" not in page:
            return
        parameters["nextToken"] = page["nextToken"]
