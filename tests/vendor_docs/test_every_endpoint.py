"""Every endpoint that the vendors' documents name is offered, is in the sandbox and is tested."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule

from darkroom.domain.routes import Route
from darkroom.providers.registry import build_adapters
from infra.sandbox.clock import Clock
from infra.sandbox.context import SandboxState
from infra.sandbox.faults import Faults
from infra.sandbox.file_store import FileStore
from infra.sandbox.jobs import Jobs
from infra.sandbox.ledger import Ledger
from infra.sandbox.rate_limit import RateLimit
from infra.sandbox.registry import PROVIDERS, load_provider
from tests.contract.providers.test_every_route import ROUTES
from tests.vendor_docs.endpoints import ANY, Document, Entry, read_documents

SPECS = Path(__file__).parents[2] / "events" / "specs"

DOCUMENTS = list(read_documents())
ENTRIES = [entry for document in DOCUMENTS for entry in document.endpoints]
UNDOCUMENTED = [entry for entry in ENTRIES if not entry.documented]
OFFERED = [entry for entry in ENTRIES if entry.documented and entry.operation not in (None, ANY)]
FAMILIES = sorted(
    {entry.family for entry in OFFERED if entry.operation == "task" and entry.task_type}
)


@pytest.fixture(scope="module")
def routes() -> list[Route]:
    """Every route that an adapter declares."""
    return [route for adapter in build_adapters() for route in adapter.routes]


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[Mapping[str, MapAdapter]]:
    """Every sandbox's endpoints, by provider."""
    clock = Clock()
    jobs = Jobs(clock)
    state = SandboxState(
        clock, Ledger(clock, 0), FileStore(clock), jobs, RateLimit(clock, None), Faults()
    )
    yield {name: _endpoints(name, state) for name in PROVIDERS}
    jobs.stop()


by_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.document)


@by_document
def test_every_endpoint_serves_an_operation(document: Document, routes: list[Route]) -> None:
    """Some route of its provider uses it; an unused endpoint gives its reason."""
    served = [
        entry for entry in document.endpoints if entry.documented and entry.operation is not None
    ]
    idle = [entry for entry in document.endpoints if entry.documented and entry not in served]
    offering = {entry: [route for route in routes if _serves(entry, route)] for entry in served}

    assert [str(entry) for entry in idle if not entry.because.endswith(".")] == []
    assert [str(entry) for entry, found in offering.items() if not found] == []
    assert [
        str(entry)
        for entry, found in offering.items()
        if all(route.refusal is not None for route in found)
    ] == []


@by_document
def test_every_endpoint_is_in_the_sandbox(
    document: Document, sandboxes: Mapping[str, MapAdapter]
) -> None:
    """Its method and path exist there."""
    unknown = [
        f"{entry.method} {entry.path}"
        for entry in document.endpoints
        if entry.documented and not _leads_somewhere(entry, sandboxes[entry.provider])
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("provider", "operation"),
    sorted({(one.provider, str(one.operation)) for one in OFFERED if one.operation != "task"}),
)
def test_every_operation_has_a_sample_spec(provider: str, operation: str) -> None:
    """`events/specs` has a sample that requests exactly this operation."""
    sample = json.loads((SPECS / f"{operation}.{provider}.json").read_bytes())

    assert sample["operation"] == operation
    assert provider in _listed(sample.get("provider"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_tasks_has_a_sample_spec(family: str) -> None:
    """At least one sample requests a task of this heading of the navigation."""
    wanted = {entry.pinned for entry in OFFERED if entry.family == family and entry.task_type}
    samples = [json.loads(path.read_bytes()) for path in sorted(SPECS.glob("task.goapi.*.json"))]

    assert wanted & {f"{one['model']}:{one['task_type']}" for one in samples}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_endpoint_is_in_the_contract_tests(provider: str) -> None:
    """A route that it serves is among those that run from a minimal spec to a result."""
    offered = [entry for entry in OFFERED if entry.provider == provider]

    assert offered
    assert [str(one) for one in offered if not any(_serves(one, route) for route in ROUTES)] == []


@pytest.mark.parametrize("entry", UNDOCUMENTED, ids=str)
def test_undocumented_feature_is_refused_with_a_reason(entry: Entry, routes: list[Route]) -> None:
    """It is known by its name, and the refusal is a sentence."""
    found = [route for route in routes if _serves(entry, route)]

    assert found, f"no adapter knows {entry}"
    for route in found:
        assert route.refusal is not None
        assert route.refusal.endswith(".")


@by_document
def test_every_line_of_a_document_is_listed_once(document: Document) -> None:
    """An entry appears once, and an endpoint is not also listed as none."""
    entries = Counter(document.endpoints)
    assert [entry for entry, times in entries.items() if times > 1] == []

    left_out = [one.name for one in (*document.not_endpoints, *document.other_interfaces)]
    assert len(left_out) == len(set(left_out))
    assert not set(left_out) & {entry.name for entry in document.endpoints}


def test_every_provider_has_its_document() -> None:
    """A provider without a list of its document's endpoints fails here."""
    assert {document.provider for document in DOCUMENTS} == {a.name for a in build_adapters()}


def _serves(entry: Entry, route: Route) -> bool:
    """Whether a route is one that the entry serves."""
    return (
        route.provider == entry.provider
        and entry.operation in (route.operation, ANY)
        and entry.pinned in (None, *route.models)
    )


def _leads_somewhere(entry: Entry, sandbox: MapAdapter) -> bool:
    path = str(entry.path).replace("{", "").replace("}", "")
    try:
        sandbox.match(path, method=entry.method)
    except HTTPException:
        return False
    return True


def _endpoints(name: str, state: SandboxState) -> MapAdapter:
    provider = load_provider(name).build_provider(state)
    rules = [Rule(one.path, methods=[one.method], endpoint=one) for one in provider.routes()]
    return Map(rules, strict_slashes=False).bind("sandbox")


def _listed(providers: object) -> list[object]:
    return providers if isinstance(providers, list) else [providers]
