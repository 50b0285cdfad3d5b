import hashlib
import json
import re
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from scripts.build_lambda import build_zip
from scripts.deploy import sbom
from scripts.lambdas_config import LambdaConfig
from tests.unit.scripts.test_build_lambda import install, write_tree

CONFIG = LambdaConfig("shop", "services.shop.handler.handler")
WHEELS = {"useful-thing": "a" * 64, "base-thing": "b" * 64, "idle": "c" * 64}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "shop.zip"


@pytest.fixture
def bill(tmp_path: Path, package: Path) -> Path:
    return write_bill(tmp_path, package)


def write_bill(tmp_path: Path, package: Path) -> Path:
    handler = "services/shop/handler.py"
    empty = {"services/__init__.py": "", "services/shop/__init__.py": ""}
    source = write_tree(tmp_path / "source", {**empty, handler: "import boto3\nimport useful\n"})
    packages = tmp_path / "packages"
    install(packages, "useful-thing", "useful", requires=["base_thing>=1", 'idle; extra == "more"'], licence="MIT")
    install(packages, "Base.Thing", "base", licence="Apache-2.0 AND BSD-2-Clause")
    install(packages, "idle", "idle")
    _, carried = build_zip(CONFIG, package, source, packages)
    return sbom.write(package, carried, WHEELS)


def read(bill: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(bill.read_text(encoding="utf-8"))
    return content


def test_the_components_are_the_packages_in_the_zip_and_no_others(bill: Path, package: Path) -> None:
    found = (re.match(r"(.+)-([^-]+)\.dist-info/METADATA$", name) for name in zipfile.ZipFile(package).namelist())

    listed = {(component["name"], component["version"]) for component in read(bill)["components"]}

    assert listed == {(canonicalize_name(match[1]), match[2]) for match in found if match}
    assert listed == {("useful-thing", "1.0"), ("base-thing", "1.0")}


def test_a_component_says_where_it_comes_from_and_under_which_licence(bill: Path) -> None:
    useful = next(component for component in read(bill)["components"] if component["name"] == "useful-thing")

    assert useful["purl"] == "pkg:pypi/useful-thing@1.0"
    assert useful["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert useful["licenses"] == [{"license": {"id": "MIT"}}]


def test_who_requires_whom_is_told(bill: Path) -> None:
    required = {entry["ref"]: entry.get("dependsOn", []) for entry in read(bill)["dependencies"]}

    assert required["pkg:pypi/useful-thing@1.0"] == ["pkg:pypi/base-thing@1.0"]
    assert required["shop"] == ["pkg:pypi/base-thing@1.0", "pkg:pypi/useful-thing@1.0"]


def test_it_names_the_very_zip_that_it_describes(bill: Path, package: Path) -> None:
    digest = hashlib.sha256(package.read_bytes()).hexdigest()

    assert read(bill)["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_it_satisfies_the_schema_of_cyclonedx(bill: Path) -> None:
    assert JsonStrictValidator(sbom.SCHEMA).validate_str(bill.read_text(encoding="utf-8")) is None


def test_the_same_source_gives_the_same_bill(tmp_path: Path, bill: Path, package: Path) -> None:
    first = bill.read_bytes()

    assert write_bill(tmp_path, package).read_bytes() == first
    assert b"timestamp" not in first


def test_every_package_of_the_functions_has_a_licence_that_the_bill_can_name() -> None:
    """The environment of these tests has what the zips have."""
    pinned = Path("requirements/lambda.txt").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9-]+)==", pinned, re.MULTILINE))

    licensed = {canonicalize_name(found.name) for found in distributions() if sbom.licences(found)}

    assert names
    assert names <= licensed
