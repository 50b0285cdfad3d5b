"""The third-party packages in each zip, as a CycloneDX bill of materials: the same zip gives the same file."""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from scripts.cli.files import write_whole
from scripts.deploy.distributions import requirements_of

SCHEMA = SchemaVersion.V1_6


def write(package: Path, carried: Iterable[Distribution], wheels: Mapping[str, str]) -> Path:
    """Write it beside the zip; `wheels` has the SHA-256 of the wheel that each package was installed from."""
    text = make_outputter(_bill(package, list(carried), wheels), OutputFormat.JSON, SCHEMA).output_as_string(indent=2)
    file = package.with_suffix(".cdx.json")
    write_whole(file, text + "\n")
    return file


def _bill(package: Path, carried: list[Distribution], wheels: Mapping[str, str]) -> Bom:
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    function = Component(
        name=package.stem, type=ComponentType.APPLICATION, bom_ref=package.stem, hashes=[_sha256(digest)]
    )
    components = {
        (name := canonicalize_name(distribution.name)): _component(distribution, wheels.get(name))
        for distribution in carried
    }
    # A random number or the time would change the file with each build.
    bill = Bom(
        serial_number=uuid5(NAMESPACE_OID, digest),
        metadata=BomMetaData(component=function),
        components=components.values(),
    )
    bill.metadata.timestamp = None  # type: ignore[assignment] # optional in CycloneDX, though not in this library's types
    bill.register_dependency(function, components.values())
    for distribution in carried:
        component = components[canonicalize_name(distribution.name)]
        required = requirements_of(distribution) & components.keys()
        bill.register_dependency(component, [components[name] for name in required])
    return bill


def _component(distribution: Distribution, wheel: str | None) -> Component:
    name, version = canonicalize_name(distribution.name), distribution.version
    purl = PackageURL("pypi", name=name, version=version)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[_sha256(wheel)] if wheel else [],
        licenses=[LicenseFactory().make_from_string(licence) for licence in licences(distribution)],
    )


def licences(distribution: Distribution) -> list[str]:
    """As its metadata names them: in the field of today, or else in the one that went before."""
    metadata = distribution.metadata
    return metadata.get_all("License-Expression") or metadata.get_all("License") or []


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
