"""Writes down what was granted, what was used and what was denied: one JSON object a line.

Each fact is written once, when it is seen first, so that the file stays short and can be read
while the environment runs, also by another process.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from infra.local.permissions.policy import Grant


class Record:
    """The facts of one environment. Thread-safe."""

    def __init__(self, file: Path | None = None) -> None:
        """Without a file the facts are only kept in memory."""
        self._file = file
        self._lock = threading.Lock()
        self._granted: dict[Grant, None] = {}
        self._used: set[Grant] = set()
        self._denied: dict[str, None] = {}
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)

    @property
    def granted(self) -> list[Grant]:
        """What is granted, in the order of the template."""
        return list(self._granted)

    @property
    def denied(self) -> list[str]:
        """What was denied, as sentences, oldest first."""
        return list(self._denied)

    def grant(self, grants: Iterable[Grant]) -> None:
        """Note what a deployment grants."""
        with self._lock:
            new = [grant for grant in dict.fromkeys(grants) if grant not in self._granted]
            self._granted.update(dict.fromkeys(new))
            self._write(*({"granted": asdict(grant)} for grant in new))

    def use(self, grant: Grant) -> None:
        """Note that a grant was used."""
        if grant in self._used:
            return
        with self._lock:
            if grant not in self._used:
                self._used.add(grant)
                self._write({"used": asdict(grant)})

    def deny(self, sentence: str) -> None:
        """Note that something was denied."""
        with self._lock:
            if sentence not in self._denied:
                self._denied[sentence] = None
                self._write({"denied": sentence})

    def unused(self) -> list[Grant]:
        """What is granted and was not used, in the order of the template."""
        return [grant for grant in self.granted if grant not in self._used]

    def _write(self, *facts: object) -> None:
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(fact) + "\n" for fact in facts)


def read_record(text: str) -> Record:
    """The facts in the text of such a file."""
    record = Record()
    for line in text.splitlines():
        match json.loads(line):
            case {"granted": fields}:
                record.grant([Grant(**fields)])
            case {"used": fields}:
                record.use(Grant(**fields))
            case {"denied": sentence}:
                record.deny(sentence)
    return record
