from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

from scripts.local.stand_ins.api_requests import few_at_once
from scripts.local.stand_ins.types import Document

_REQUEST = {"version": "2.0", "routeKey": "GET /metrics"}
_TIMEOUT_SECONDS = 10


def test_no_more_requests_than_that_are_answered_at_once_and_all_of_them_are() -> None:
    lock, running, seen = Lock(), [0], [0]
    both = Barrier(2)

    def invoke(_: Document, event: Document) -> Document:
        with lock:
            running[0] += 1
            seen[0] = max(seen[0], running[0])
        both.wait(_TIMEOUT_SECONDS)
        with lock:
            running[0] -= 1
        return event

    bounded = few_at_once(invoke, most=2)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: bounded({}, _REQUEST), range(10)))

    assert answers == [_REQUEST] * 10
    assert seen == [2]


def test_a_queues_messages_do_not_wait_for_requests() -> None:
    end = Event()

    def invoke(_: Document, event: Document) -> Document:
        if "routeKey" in event:
            assert end.wait(_TIMEOUT_SECONDS)
        return event

    bounded = few_at_once(invoke, most=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bounded, {}, _REQUEST)
        try:
            assert bounded({}, {"Records": []}) == {"Records": []}
        finally:
            end.set()
        assert waiting.result(_TIMEOUT_SECONDS) == _REQUEST
