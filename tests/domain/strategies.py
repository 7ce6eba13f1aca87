"""Wild inputs for the core's tests."""

from typing import Any

from hypothesis import strategies as st

SEGMENTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", ".", "..", "cat.jpg", "a b", "%2F", "_darkroom", "😀", ".jpg", "x.json"]),
)
KEYS = st.lists(SEGMENTS, min_size=1, max_size=6).map("/".join)
SPEC_KEYS = KEYS.map(lambda key: f"{key}.json").filter(lambda key: not key.endswith("/.json"))
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["operation", "provider", "model", "inputs", "params", "metadata", "on_unknown", "$schema", "x"]
)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(FIELDS, JSON_VALUES, max_size=6)
