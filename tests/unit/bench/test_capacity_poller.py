import simpy

from scripts.bench.capacity_poller import IDLE_WAKE_SECONDS, Mapping, Poller, Steps
from scripts.bench.capacity_queues import Order, Queue


def started(seconds: float, batches: int, stream_seconds: float = 0.0) -> tuple[list[tuple[float, int]], list[float]]:
    """When batches of a queue of two workers begin, with their sizes, and when the relay begins."""
    env = simpy.Environment()
    queue, stream = Queue(env), Queue(env)
    begun: list[tuple[float, int]] = []
    relayed: list[float] = []

    def work(batch: list[Order]) -> Steps:
        begun.append((env.now, len(batch)))
        yield env.timeout(seconds)

    def relay(_: list[Order]) -> Steps:
        relayed.append(env.now)
        yield env.timeout(stream_seconds)

    Poller(env, [Mapping(queue, work, 10, workers=2), Mapping(stream, relay, 100)], IDLE_WAKE_SECONDS)
    if stream_seconds:
        stream.put(Order(0, ()))
    for _ in range(10 * batches):
        queue.put(Order(0, ()))
    env.run(until=100)
    return begun, relayed


def test_no_more_batches_are_under_way_than_there_are_workers() -> None:
    begun, _ = started(seconds=5, batches=5)

    assert [at for at, _ in begun] == [0, 0, 5, 5, 10]
    assert {size for _, size in begun} == {10}


def test_a_thread_that_waits_for_the_end_of_a_batch_serves_nobody_meanwhile() -> None:
    begun, relayed = started(seconds=1, batches=4, stream_seconds=7)

    assert relayed == [0]
    assert [at for at, _ in begun] == [0, 7, 7, 8]


def test_a_wake_that_finds_nothing_delays_the_next() -> None:
    env = simpy.Environment()
    queue = Queue(env)
    begun: list[float] = []

    def work(_: list[Order]) -> Steps:
        begun.append(env.now)
        yield env.timeout(1)

    def producer() -> Steps:
        for at in (1.0, 2.01):  # the second comes just after the end of the first has woken the poller in vain
            yield env.timeout(at - env.now)
            queue.put(Order(env.now, ()))

    Poller(env, [Mapping(queue, work, 10, workers=2)], IDLE_WAKE_SECONDS)
    env.process(producer())
    env.run(until=10)

    assert begun == [1.0, 2.05]
