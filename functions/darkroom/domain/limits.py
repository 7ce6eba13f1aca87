"""The pipeline's own figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The pipeline's own figures; seconds and bytes.

    Attributes:
        inputs_s: how long a task waits for its missing inputs.
        look_s: how often a waiting task's file is looked at that S3 shows and does not give.
        queue_s: how long a task may stand before its paid call; below the workflow's 7 days.
        margin_s: how long after a call's own deadline its answer is still written down.
        fetch_s: how long fetching one result may take; DELIVER begins none with less time left.
        result_bytes: the largest result that is delivered; DELIVER has 512 MiB of disk.
        attend_s: how long SUBMIT stays with a job that must not be left alone.
        runs: how many runs may be begun for a task whose runs end without ending it.
    """

    inputs_s: int = 24 * 3600
    look_s: int = 15 * 60
    queue_s: int = 6 * 24 * 3600
    margin_s: int = 20
    fetch_s: int = 240
    result_bytes: int = 400 * 1024 * 1024
    attend_s: int = 120
    runs: int = 10
