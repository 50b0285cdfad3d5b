"""Close what an erased customer has left open: nobody can read it any more."""

from services.libs.observability.structured_logging import logger
from services.libs.store.event_store import EventStore
from services.libs.store.next_commit import History, write_next
from services.libs.store.ticket_index import TicketIndex
from services.shared.causes import Cause
from services.support_service.domain import Ticket, close_orphaned
from services.support_service.ticket_reader import read_tickets

_PAGE = 20


class OrphanedTickets:
    def __init__(self, store: EventStore, index: TicketIndex) -> None:
        self._store = store
        self._index = index

    def close_all(self, customer_id: str, cause: Cause) -> None:
        """Close the customer's tickets. Those that are closed stay as they are, so a repetition changes nothing."""
        closed, page = 0, self._index.tickets(_PAGE, customer_id)
        while True:
            histories = read_tickets(self._store, page.streams)
            closed += sum(self._close(stream, history, cause) for stream, history in histories.items())
            if page.next is None:
                break
            page = self._index.tickets(_PAGE, customer_id, page.next)
        logger.info("tickets of an erased customer closed", extra={"tickets": closed})

    def _close(self, stream: str, known: History, cause: Cause) -> bool:
        _, commit = write_next(
            self._store,
            lambda: self._store.read(stream),
            lambda history: close_orphaned(Ticket.of(history), cause),
            known,
        )
        return commit is not None
