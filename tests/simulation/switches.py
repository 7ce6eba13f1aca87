"""What the product does not bear yet: it is played and judged only where somebody asks for it.

`python -m tests.simulation --focus KIND,KIND` plays kinds of faults that stand here.
"""

from typing import Final

NOT_YET: Final[frozenset[str]] = frozenset(
    {
        *("refused-late", "throttled-late", "not-sent-late", "write-contended"),
        *("message-without-id", "message-repeated", "photo-undeleted"),
        *("other-account", "older-job-named", "result-late", "result-very-late"),
    }
)
"""Kinds of faults that come over no world by themselves."""
UNHELD: Final[frozenset[str]] = frozenset(
    {
        *("kept-answers", "closed-delivery"),
        *("told-why", "short-pauses", "one-probe"),
    }
)
"""Promises that are not judged."""
UNTOLD: Final[frozenset[str]] = frozenset(
    {
        "table shut for seconds, none, sync",
        "table shut for minutes, none, a job",
        "bucket shut for minutes, none, large",
        "outputs shut for a while, none, a job",
        *("late result, none, sync", "late result, none, a job"),
        *("refused late, none, a job", "not sent late, look-up, a job"),
        *("throttled late, key, a job", "another account for minutes, none, a job"),
        "an older job is named, none",
    }
)
"""Stories whose crash points are not enumerated."""
