"""The software bill of materials (SBOM) of a release, in CycloneDX's format (1.6, JSON).

The same packages make the same text: it has no time, and its serial number is that of the version.
"""

import uuid
from collections.abc import Sequence
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from infra.distribution import DISTRIBUTION
from infra.release.packages import Package
from infra.release.version import ReleaseError

OWN_LICENCE: Final = "Apache-2.0"
_LICENCES: Final = LicenseFactory()


def build_sbom(version: str, packages: Sequence[Package]) -> str:
    """The SBOM. Raises ReleaseError if it does not fit its schema."""
    product = Component(
        name=DISTRIBUTION,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=DISTRIBUTION,
        licenses=[_LICENCES.make_from_string(OWN_LICENCE)],
    )
    components = [_describe(package) for package in packages]
    bom = Bom(
        components=components,
        metadata=BomMetaData(component=product),
        serial_number=uuid.uuid5(uuid.NAMESPACE_DNS, f"{DISTRIBUTION}-{version}"),
    )
    bom.metadata.timestamp = None  # type: ignore[assignment] # a file may have none
    bom.register_dependency(product, components)
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ReleaseError(f"the SBOM does not fit its schema: {wrong}")
    return text


def _describe(package: Package) -> Component:
    """The hashes are those of the files that may have been installed, one for each platform."""
    references = [
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(package.purl),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in package.sha256],
        )
    ]
    if package.homepage:
        website = ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(package.homepage))
        references.append(website)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=package.purl,
        purl=PackageURL.from_string(package.purl),
        licenses=[_LICENCES.make_from_string(package.licence)],
        external_references=references,
    )
