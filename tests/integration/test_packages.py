import io
import json
import zipfile
from pathlib import Path

from scripts.cli.paths import DIST
from scripts.lambdas_config import LAMBDAS
from tests.integration.world import World

_LARGEST_BYTES = 6_000_000
_LARGEST_BYTES_WITH_CRYPTOGRAPHY = 10_000_000
_SEALING = {"customer_service", "customer_service_api", "customer_service_trigger", "support_service_api"}


def test_only_functions_that_seal_carry_cryptography(world: World) -> None:
    carrying = {config.name for config in LAMBDAS if _has_cryptography(_package(world, config.name))}

    assert carrying == _SEALING


def test_no_zip_is_larger_than_6_mb_or_10_mb_with_cryptography(world: World) -> None:
    sizes = {config.name: _package(world, config.name).stat().st_size for config in LAMBDAS}

    largest = {name: _LARGEST_BYTES_WITH_CRYPTOGRAPHY if name in _SEALING else _LARGEST_BYTES for name in sizes}
    assert {name: size for name, size in sizes.items() if size > largest[name]} == {}


def test_a_zip_that_lacks_cryptography_fails_although_the_emulator_itself_has_it(world: World) -> None:
    client = world.target.client("lambda")
    like = world.deployment.functions["customer-service-api"].name
    configuration = client.get_function_configuration(FunctionName=like)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("seal.py", "import cryptography\ndef handler(event, context):\n    pass\n")

    client.create_function(
        FunctionName="test-lacks-cryptography",
        Runtime=configuration["Runtime"],
        Role=configuration["Role"],
        Handler="seal.handler",
        Code={"ZipFile": content.getvalue()},
    )
    try:
        response = client.invoke(FunctionName="test-lacks-cryptography", Payload=b"{}")
    finally:
        client.delete_function(FunctionName="test-lacks-cryptography")

    assert "cryptography" in json.loads(response["Payload"].read())["errorMessage"]


def _package(world: World, name: str) -> Path:
    return DIST / world.target.name / f"{name}.zip"


def _has_cryptography(package: Path) -> bool:
    return any(name.startswith("cryptography/") for name in zipfile.ZipFile(package).namelist())
