"""The recorded pairs of requests and responses, one folder a provider."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("recorded")


def read_pairs(provider: str) -> Mapping[str, Any]:
    """File name without extension -> the recorded pair."""
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted((FOLDER / provider).glob("*.json"))
    }


def read_all_pairs() -> Mapping[str, Any]:
    """`<provider>-<file name without extension>` -> the recorded pair."""
    return {
        f"{folder.name}-{name}": pair
        for folder in sorted(FOLDER.iterdir())
        for name, pair in read_pairs(folder.name).items()
    }
