"""The deployed API answers as its document says, whatever comes: no 5xx, nothing that is not described."""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest

from scripts.cli.paths import API_DOCUMENT, REPO_ROOT
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_users import ShopUsers
from services.support_service.api import CreateTicket
from tests.integration.after_sale_writes import AfterSaleWrites
from tests.integration.tokens import customer_id_of
from tests.integration.walk import CUSTOMER, STAFF_MEMBER
from tests.integration.world import World
from tests.integration.writes import new_order

_CONFIGURATION = REPO_ROOT / "tests" / "integration" / "walk" / "schemathesis.toml"
_ENDING_SECONDS = 120
_LONG_SECONDS = 120
_SEEDS = 1_000_000


@pytest.fixture
def tickets(world: World) -> dict[str, str]:
    """Make what the configuration names: an order whose goods are on their way back, one that is placed, two tickets.

    Returns the tickets' ids, by the variables that the configuration takes them from.
    """
    users, writes = ShopUsers(world.target, world.deployment), AfterSaleWrites(world)
    for email in (CUSTOMER, STAFF_MEMBER):
        users.create(email)
    users.make_staff(STAFF_MEMBER)
    for sku in ("walk-sku-1", "walk-sku-2"):
        world.seed(sku, 1000)
    token = users.sign_in_anew(CUSTOMER).text
    walker = customer_id_of(token)
    returned, placed = (
        replace(new_order("walk-sku-1"), order_id=f"walk-order-{number}", customer_id=walker) for number in (1, 2)
    )
    with world.paused("order-service"), world.paused("payment-service"), world.paused("fulfilment-service"):
        writes.delivered(returned)
        writes.do(writes.request_return(returned, "walk-return-1"), writes.place(placed))
    client = ShopClient.of(world.target, world.deployment, token)
    new = CreateTicket(subject="Walk", text="How far is it?")
    return {name: client.create_ticket(new).content.ticket_id for name in ("WALK_TICKET", "WALK_CLOSING_TICKET")}


def test_the_api_answers_as_its_document_says(
    world: World, tickets: Mapping[str, str], pytestconfig: pytest.Config
) -> None:
    seconds = pytestconfig.getoption("--walk-seconds")
    seed = pytestconfig.getoption("--walk-seed") or secrets.randbelow(_SEEDS) + 1
    # Values at the limits of each parameter take longer than a short walk has.
    phases = "fuzzing,stateful" if seconds < _LONG_SECONDS else "coverage,fuzzing,stateful"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIGURATION), "run", str(API_DOCUMENT)),
        *("--max-time", str(seconds), "--phases", phases, "--seed", str(seed), "--no-color"),
    ]
    environ = {
        **os.environ,
        "ENVIRONMENT": world.target.environment,
        "PULSEQUEUE_INSTANCE": world.target.emulator.instance,
        **tickets,
        "WALK_URL": world.deployment.shop_url(world.target),
    }

    walk = subprocess.run(
        command,
        cwd=REPO_ROOT,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds + _ENDING_SECONDS,
        check=False,
    )

    assert walk.returncode == 0, f"{walk.stdout}\n{walk.stderr}"
