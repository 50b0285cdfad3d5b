"""Which orders of a run have not ended."""

from scripts.operate.order_client import History, OrderClient
from tests.faults.people import People


class Watch:
    """Reads of each order only what is new, so that orders that wait for a redrive cost little."""

    def __init__(self, client: OrderClient, people: People) -> None:
        self.open: dict[str, History] = {}
        self._client = client
        self._people = people
        self._final: set[str] = set()

    def add(self, order_id: str) -> None:
        self.open[order_id] = History(order_id, ())

    def look(self) -> None:
        """Tell people of each change, and drop the orders about which nothing is open and nobody is to do anything."""
        for history in self._client.grown(self.open.values()):
            self.open[history.order_id] = history
            self._see(history)
        for order_id in [one for one in self._final if not self._people.agenda.waits_for(one)]:
            self._final.remove(order_id)
            del self.open[order_id]

    def _see(self, history: History) -> None:
        self._final.discard(history.order_id)
        if order := history.order:
            self._people.see(order)
            if order.state.is_final:
                self._final.add(history.order_id)
