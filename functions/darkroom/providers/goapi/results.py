"""Finds the results of a GoAPI task in its `output`, by the catalogue's paths.

A cover, a thumbnail or a last frame is never a result. Empty values are skipped: some tasks show a
skeleton of their output before it is ready.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from darkroom.domain.attempt import ResultRef
from darkroom.providers import result_refs
from darkroom.providers.goapi.catalogue import Catalogue, Entry, Pick

_DATA: Final = frozenset({"text", "json"})
_MAX_FACT: Final = 8000
"""Characters of JSON; larger facts do not go into the manifest."""


def read_results(catalogue: Catalogue, entry: Entry, output: object) -> tuple[ResultRef, ...]:
    """Every result of a finished task, the main one first.

    If the expected paths are empty, those of all models are tried: for the expected kinds, and for
    all kinds if the entry does not know what to expect.

    Raises:
        Unclear: there is none; the task can be polled again.
    """
    picks = catalogue.shapes[entry.results]
    if isinstance(output, str | list):  # the results without the object around them
        return result_refs.require_results(
            tuple(ref for pick in picks[:1] for ref in _read_bare(pick, output))
        )
    found = _collect(picks, output)
    if not found:
        kinds = {pick.kind for pick in picks}
        found = _collect(
            (
                pick
                for pick in catalogue.anywhere
                if pick.kind in kinds or entry.sure.results == "unknown"
            ),
            output,
        )
    return result_refs.require_results(found)


def read_facts(output: object) -> dict[str, Any]:
    """Facts for a further task: the possible actions on an image, the ids of songs."""
    if not isinstance(output, dict):
        return {}
    clips = output.get("clips")
    facts = {
        "actions": output.get("actions"),
        "clips": sorted(clips) if isinstance(clips, dict) else None,
    }
    return {
        name: value
        for name, value in facts.items()
        if isinstance(value, list) and value and len(json.dumps(value)) <= _MAX_FACT
    }


def _collect(picks: Iterable[Pick], output: object) -> tuple[ResultRef, ...]:
    refs = (ref for pick in picks for ref in _first(pick, output))
    return tuple(dict.fromkeys(refs))


def _first(pick: Pick, output: object) -> Sequence[ResultRef]:
    """The results at the first of the pick's paths that has any."""
    for path in pick.paths:
        values = [value for value in _find_at(output, path.split(".")) if value not in _EMPTY]
        if pick.kind in _DATA:
            refs = [_data_result(pick, value) for value in values]
        else:
            encoded = result_refs.is_base64_field(path)
            refs = [
                ref
                for value in values
                for ref in result_refs.find_results(value, pick.kind, encoded=encoded)
            ]
        if refs:
            return refs
    return ()


def _read_bare(pick: Pick, output: object) -> Sequence[ResultRef]:
    if pick.kind in _DATA:
        return [_data_result(pick, output)] if output not in _EMPTY else []
    return result_refs.find_results(output, pick.kind)


_EMPTY: Final[tuple[object, ...]] = (None, "", [], {})


def _find_at(value: object, steps: Sequence[str]) -> Iterator[Any]:
    """All values at a path; `a[]` is every item, `*` every value, `a|b` the first that exists."""
    if not steps:
        yield value
        return
    if not isinstance(value, dict):
        return
    step, rest = steps[0], steps[1:]
    inner: Any
    if step == "*":
        inner = list(value.values())
    else:
        names = step.removesuffix("[]").split("|")
        inner = next((value[name] for name in names if value.get(name)), None)
    for item in inner if step.endswith(("[]", "*")) and isinstance(inner, list) else [inner]:
        yield from _find_at(item, rest)


def _data_result(pick: Pick, value: object) -> ResultRef:
    is_text = pick.kind == "text" and isinstance(value, str)
    text = str(value) if is_text else json.dumps(value, ensure_ascii=False, indent=2)
    return ResultRef(pick.kind, data=base64.b64encode(text.encode()).decode())
