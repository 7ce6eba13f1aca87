"""The ETags of many objects are found by few requests."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.pipeline.batches.manifest_etags import PAGE, find_etags
from tests.fakes.outputs import InMemoryOutputs

KEYS = st.text("ab/\u00e9\U0001f600", min_size=1, max_size=4)


class Counted(InMemoryOutputs):
    """Counts its lists."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0

    def list_etags(self, prefix: str, after: str, most: int) -> list[tuple[str, str]]:
        """Key and ETag."""
        self.lists += 1
        return list(super().list_etags(prefix, after, most))


@given(there=st.sets(KEYS), wanted=st.lists(KEYS))
def test_exactly_those_that_exist_are_found(there: set[str], wanted: list[str]) -> None:
    """Whatever lies between them."""
    outputs = Counted()
    for key in there:
        outputs.put(key, key.encode(), "text/plain")
    assert find_etags(outputs, wanted) == {key: outputs.find(key) for key in wanted if key in there}


def test_pages_without_a_wanted_key_are_skipped() -> None:
    """Two keys with 5,000 others between them are two requests; 2,500 in a row are three."""
    outputs = Counted()
    keys = [f"a/{number:05d}" for number in range(5002)]
    for key in keys:
        outputs.put(key, b"", "text/plain")
    assert len(find_etags(outputs, [keys[0], keys[-1]])) == 2
    assert outputs.lists == 2
    outputs.lists = 0
    assert len(find_etags(outputs, keys[:2500])) == 2500
    assert outputs.lists == 2500 // PAGE + 1


def test_nothing_wanted_is_no_request() -> None:
    """A batch may have no task."""
    outputs = Counted()
    assert find_etags(outputs, []) == {}
    assert outputs.lists == 0
