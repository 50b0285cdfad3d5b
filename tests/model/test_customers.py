from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.customer_machine import LivesOfCustomers


def test_an_erased_person_stays_forgotten_whatever_happens() -> None:
    run_state_machine_as_test(
        LivesOfCustomers, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
