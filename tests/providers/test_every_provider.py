"""Every provider has all its parts; a failure names the missing ones (see providers/README.md)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.providers.registry import NAMES, build_adapters
from infra.sandbox.registry import PROVIDERS as SANDBOXES
from tests.contract.providers.provider_cases import PROVIDER_CASES
from tests.providers.recorded_pairs import FOLDER as RECORDED
from tests.providers.recorded_pairs import read_pairs
from tests.vendor_docs.endpoints import read_documents

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "functions" / "darkroom" / "providers"
SANDBOX_PACKAGES = ROOT / "infra" / "sandbox"
SPECS = ROOT / "events" / "specs"

ROUTES = {adapter.name: adapter.routes for adapter in build_adapters()}
DOCUMENTED = {entry.provider for document in read_documents() for entry in document.endpoints}
KNOWN = sorted(
    {*NAMES, *SANDBOXES, *PROVIDER_CASES, *DOCUMENTED}
    | {path.parent.name for path in PACKAGES.glob("*/adapter.py")}
    | {path.name for path in RECORDED.iterdir()}
)


@pytest.mark.parametrize("provider", KNOWN)
def test_provider_has_all_its_parts(provider: str) -> None:
    """A name that is in one place only lacks everything else."""
    missing = "\n".join(_missing_parts(provider))
    assert not missing, f"{provider} lacks:\n{missing}"


def _missing_parts(provider: str) -> Iterator[str]:
    """The adapter first, then its sandbox, then what the tests need."""
    package = PACKAGES / provider
    for name in ("adapter.py", "routes.py", "*params.py"):
        if not [*package.glob(name)]:
            yield f"functions/darkroom/providers/{provider}/{name}"
    present = {
        "a line in functions/darkroom/providers/registry.py": provider in NAMES,
        f"an adapter with `name` '{provider}' and at least one route": ROUTES.get(provider),
        f"infra/sandbox/{provider}/__init__.py": (
            SANDBOX_PACKAGES / provider / "__init__.py"
        ).is_file(),
        "a line in infra/sandbox/registry.py": provider in SANDBOXES,
        f"recorded pairs in tests/providers/recorded/{provider}/": read_pairs(provider),
        f"a sample spec events/specs/<operation>.{provider}.json": [
            *SPECS.glob(f"*.{provider}.json")
        ],
        f"its endpoints in tests/vendor_docs/{provider}.json": provider in DOCUMENTED,
        "a case in tests/contract/providers/provider_cases.py": provider in PROVIDER_CASES,
    }
    yield from (part for part, found in present.items() if not found)


def test_default_order_of_preference_is_stable() -> None:
    """A spec without `provider` must not go to another vendor because one was added."""
    assert NAMES[:4] == ("snapapi", "apiframe", "perfect", "goapi")
