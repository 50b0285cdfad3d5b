from collections.abc import Iterator

import pytest

from services.shared.events import event


@pytest.fixture(autouse=True)
def _no_event_of_a_test_stays_known() -> Iterator[None]:
    known = dict(event._TYPES)  # noqa: SLF001 - no other code takes an event away
    yield
    event._TYPES.clear()  # noqa: SLF001
    event._TYPES.update(known)  # noqa: SLF001
