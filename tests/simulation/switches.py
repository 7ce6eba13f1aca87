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
