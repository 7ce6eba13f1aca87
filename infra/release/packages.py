"""The packages in the layers, with their licences."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from infra.release.version import ReleaseError

PERMISSIVE: Final = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0"}
)
"""Licences (SPDX) that ask for no more than that their text is passed on."""
ACCEPTED: Final[Mapping[str, str]] = {
    "certifi": "MPL-2.0 covers its own file of certificates, which is passed on unchanged.",
}
"""Package -> why a licence of another kind is no hindrance."""
_PIN: Final = re.compile(r"^([\w.-]+)==(\S+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_URL_NAMES: Final = ("homepage", "source", "repository")


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a layer.

    Attributes:
        name: as package indexes write it.
        licence: an SPDX expression.
        sha256: of the files that may be installed, as pinned.
        homepage: "" if it names none.
    """

    name: str
    version: str
    licence: str
    layer: str
    sha256: Sequence[str]
    homepage: str = ""

    @property
    def purl(self) -> str:
        """Its package URL (purl specification, type `pypi`)."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_packages(layer: str, built: Path, requirements: Path) -> list[Package]:
    """The packages of a built layer, by name.

    Args:
        layer: its name.
        built: the folder with its packages and their metadata.
        requirements: the pinned requirements that it was built from.
    """
    pins = dict(_read_pins(requirements.read_text("utf-8")))
    found = [_read(layer, each, pins) for each in distributions(path=[str(built)])]
    return sorted(found, key=lambda package: package.name)


def check_licences(packages: Sequence[Package]) -> None:
    """Raise ReleaseError if one is not known to be permissive, and not accepted with a reason."""
    wrong = [
        f"{package.name} ({package.licence or 'no licence'})"
        for package in packages
        if package.name not in ACCEPTED and not _is_permissive(package.licence)
    ]
    if wrong:
        raise ReleaseError(
            f"not known to be permissive: {', '.join(wrong)}. Replace it, or give the reason why "
            f"it may be shipped in {Path(__file__).name}"
        )


def list_licences(packages: Sequence[Package]) -> str:
    """The list as Markdown; each package's own texts are in the layer, beside its metadata."""
    rows = [
        f"| {each.name} | {each.version} | {each.licence} | {each.layer} | {each.homepage} |"
        for each in packages
    ]
    head = ["| package | version | licence | layer | homepage |", "| --- | --- | --- | --- | --- |"]
    texts = "The texts are in each layer, in the folders `*.dist-info`."
    return "\n".join(["# Licences of what is shipped", "", texts, "", *head, *rows, ""])


def normalize(name: str) -> str:
    """A package's name as indexes write it (PyPA specification, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_permissive(licence: str) -> bool:
    """Whether one of its alternatives is; of several that all hold, all."""
    return any(
        all(part.strip(" ()") in PERMISSIVE for part in choice.split(" AND "))
        for choice in licence.split(" OR ")
    )


def _read(layer: str, found: Distribution, pins: Mapping[str, Sequence[str]]) -> Package:
    fields = found.metadata.json
    name = normalize(str(fields["name"]))
    licence = fields.get("license_expression") or fields.get("license") or ""
    urls = [str(each).split(",", 1) for each in fields.get("project_url") or ()]
    named = {label.strip().lower(): url.strip() for label, url in urls}
    homepage = fields.get("home_page") or next(filter(None, map(named.get, _URL_NAMES)), "")
    hashes = pins[f"{name}=={found.version}"]
    return Package(name, found.version, str(licence), layer, hashes, str(homepage))


def _read_pins(requirements: str) -> Iterator[tuple[str, Sequence[str]]]:
    """`name==version` -> its hashes."""
    for block in requirements.replace("\\\n", " ").splitlines():
        if pin := _PIN.match(block):
            yield f"{normalize(pin[1])}=={pin[2]}", _HASH.findall(block)
