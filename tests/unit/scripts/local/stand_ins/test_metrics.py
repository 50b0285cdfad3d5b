from threading import Lock

from scripts.local.stand_ins.metrics import alone


def test_nothing_is_stored_while_metrics_are_read() -> None:
    lock = Lock()

    assert alone(lambda given: (given, lock.locked()), lock)("request") == ("request", True)

    assert not lock.locked()
