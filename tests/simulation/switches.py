"""What the product does not bear yet: it is played and judged only where somebody asks for it.

`python -m tests.simulation --focus KIND,KIND` plays kinds of faults that stand here.
"""

from typing import Final

NOT_YET: Final[frozenset[str]] = frozenset()
"""Kinds of faults that come over no world by themselves."""
UNHELD: Final[frozenset[str]] = frozenset()
"""Promises that are not judged."""
UNTOLD: Final[frozenset[str]] = frozenset()
"""Stories whose crash points are not enumerated."""
