import pytest
from scripts.deploy.target import Target
from scripts.deploy.deployment import Deployment
from tests.integration.world import World
from tests.delivery import test_recovery
@pytest.fixture
def world():
    t=Target.from_environment("local"); return World(t, Deployment.of(t))
test_the_step = test_recovery.test_a_system_is_restored_goes_on_with_open_orders_and_takes_new_ones
