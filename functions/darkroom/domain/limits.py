"""The pipeline's own limits of time, size and money."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SUBMIT_LINGER_S: Final = 11
POLL_LINGER_S: Final = 22
"""The longest waits that cost no more than a round of the workflow: three transitions at $25 per
million are worth 11.2 s of 512 MB and 22.5 s of 256 MB, at $13.33 per million GB-seconds (arm64).
"""


@dataclass(frozen=True)
class Limits:
    """The pipeline's own limits; seconds and bytes.

    Attributes:
        inputs_s: how long a task waits for its missing inputs.
        recheck_s: how often a file is checked that S3 withholds from a waiting task.
        queue_s: how long a task may be queued before its paid call; below the workflow's 7 days.
        held_s: how long a task may be held before its paid call.
        margin_s: how long after a call's own deadline its answer may still be stored.
        fetch_s: how long fetching one result may take; DELIVER starts none with less time left.
        result_bytes: the largest result that is delivered; DELIVER has 512 MiB of disk.
        linger_s: the longest single wait inside a function, for a job or a turn; none at 0.
        poll_in_place_s: how long one call of a function goes on polling a job.
        measure_s: how long looking at the pixels of one result may take.
        measure_bytes: larger results and sources are not looked at.
        runs: how many runs a task may have whose runs end without ending it.
        batch_settled_s: a batch that changed less than this ago has not ended: the index of tasks
            may be behind, and a photo with several labels gets its tasks one by one.
        batch_idle_s: how long an open batch without a change is looked at.
        assume_price: provider -> the credits that money limits count for a call whose price is not
            known; "*" stands for every other provider.
    """

    inputs_s: int = 24 * 3600
    recheck_s: int = 15 * 60
    queue_s: int = 6 * 24 * 3600
    held_s: int = 30 * 24 * 3600
    margin_s: int = 20
    fetch_s: int = 240
    result_bytes: int = 400 * 1024 * 1024
    linger_s: int = 60
    poll_in_place_s: int = 120
    measure_s: int = 8
    measure_bytes: int = 32 * 1024 * 1024
    runs: int = 10
    batch_settled_s: int = 60
    batch_idle_s: int = 30 * 24 * 3600
    assume_price: Mapping[str, float] = field(default_factory=dict)
