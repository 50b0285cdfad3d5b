from tests.model.customer_machine import run_histories


def test_an_erased_person_stays_forgotten_whatever_happens() -> None:
    run_histories(150)
