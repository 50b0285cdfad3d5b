"""Calls that go wrong on purpose, or during which somebody else comes first."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Fault(StrEnum):
    DIED_BEFORE = "died before the call"
    DIED_AFTER = "died after the call"
    REFUSED = "call refused"
    ANSWER_LOST = "answer lost"
    REPEATED = "call repeated by the SDK"


class ProcessDiedError(BaseException):
    """Not an Exception: nothing that the services catch may go on after it."""


class FaultError(Exception):
    """A dependency throttled the call, or its answer never came."""


class Faults:
    """Which of the coming calls go wrong, over all ports of a system; calls named in `throttled` are all refused."""

    def __init__(self) -> None:
        self.struck: Counter[str] = Counter()
        self.raised: Counter[str] = Counter()
        self.throttled: Collection[str] = ()
        self._calls = 0
        self._armed: dict[int, Fault | Callable[[], None]] = {}

    def arm(self, call: int, fault: Fault | Callable[[], None]) -> None:
        """Let the call-th call from now go wrong, or let something else happen before it: races are made of this."""
        self._armed[self._calls + call] = fault

    def disarm(self) -> None:
        self._armed.clear()

    def around(self, name: str, function: Callable[_P, _T], refusal: Callable[..., Exception]) -> Callable[_P, _T]:
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            self._calls += 1
            fault = Fault.REFUSED if name in self.throttled else self._armed.pop(self._calls, None)
            if fault:
                self.struck[fault if isinstance(fault, Fault) else "interrupted"] += 1
            self._fault_before_call(fault, lambda: refusal(*args, **kwargs))
            try:
                answer = function(*args, **kwargs)
                if fault is Fault.REPEATED:
                    answer = function(*args, **kwargs)
            except Exception as error:
                self.raised[type(error).__name__] += 1
                raise
            self._fault_after_call(fault)
            return answer

        return call

    @staticmethod
    def _fault_before_call(fault: "Fault | Callable[[], None] | None", refusal: Callable[[], Exception]) -> None:
        if fault is Fault.DIED_BEFORE:
            raise ProcessDiedError
        if fault is Fault.REFUSED:
            raise refusal()
        if not (fault is None or isinstance(fault, Fault)):
            fault()

    @staticmethod
    def _fault_after_call(fault: "Fault | Callable[[], None] | None") -> None:
        if fault is Fault.DIED_AFTER:
            raise ProcessDiedError
        if fault is Fault.ANSWER_LOST:
            raise FaultError


class Unreliable:
    """A port, or a boto3 client, whose calls fault; `refusals` says how a call by that name is refused."""

    def __init__(
        self, port: object, faults: Faults, refusals: Mapping[str, Callable[..., Exception]] | None = None
    ) -> None:
        self._port = port
        self._faults = faults
        self._refusals = refusals or {}

    def __getattr__(self, name: str) -> object:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return self._faults.around(name, attribute, self._refusals.get(name, _throttled))


def _throttled(*_: object, **__: object) -> FaultError:
    return FaultError("throttled")
