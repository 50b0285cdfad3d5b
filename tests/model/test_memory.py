from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.memory import MemorySystem
from tests.model.whole_life import WholeLife
from tests.model.world import World


class _InMemory(WholeLife):
    def __init__(self) -> None:
        super().__init__(MemorySystem())


def test_nothing_is_lost_or_oversold_whatever_happens() -> None:
    run_state_machine_as_test(_InMemory, settings=settings(max_examples=200, stateful_step_count=50, deadline=None))


def test_an_order_that_could_not_be_expired_a_day_late_is_expired_the_next_time() -> None:
    world = World(MemorySystem())
    world.seed("sku-a", 10)
    world.place("order-2", {"sku-a": 1})
    world.deliver()

    world.advance(24 * 60 * 60 + 61)
    world.sweep(throttled=True)
    world.advance(600)

    world.sweep()  # it checks that nothing due is left
