"""The functions are found where their handlers are."""

from pathlib import Path

import pytest

from scripts.cli.paths import REPO_ROOT
from scripts.lambdas_config import LAMBDAS, LambdaConfig, find


def test_each_handler_api_and_trigger_of_a_service_is_a_function(tmp_path: Path) -> None:
    entries = ("cart_service/api", "cart_service/handler", "customer_service/trigger")
    for name in (*entries, "cart_service/domain", "libs/settings", "shared/carts"):
        file = tmp_path / "services" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    found = {config.function: config for config in find(tmp_path)}

    assert found == {
        "cart-service": LambdaConfig("cart_service", "services.cart_service.handler.handler"),
        "cart-service-api": LambdaConfig("cart_service_api", "services.cart_service.api.handler"),
        "customer-service-trigger": LambdaConfig(
            "customer_service_trigger", "services.customer_service.trigger.handler"
        ),
    }


def test_the_functions_of_the_repository_are_found() -> None:
    assert {"order-service", "event-relay"} <= {config.function for config in LAMBDAS}


@pytest.mark.parametrize("config", LAMBDAS, ids=lambda config: config.function)
def test_a_function_knows_its_own_name(config: LambdaConfig) -> None:
    """As its log, its metrics and the map of what is deployed have it."""
    assert config.function == config.load().FUNCTION


def test_each_service_has_unit_tests_of_its_own() -> None:
    services = {config.module.split(".")[1] for config in LAMBDAS}
    tested = {file.stem.removeprefix("test_") for file in (REPO_ROOT / "tests" / "unit" / "services").glob("test_*.py")}

    assert services - tested == set()
