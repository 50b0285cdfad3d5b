"""The texts of one request: each customer's key is found once, and forgotten with the request."""

from services.libs.observability.structured_logging import logger
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.personal.sealing import CustomerKey, Place, UnreadableError
from services.shared.refusals import Refusal, RefusedError
from services.support_service.domain import SealedText


class Texts:
    def __init__(self, keys: CustomerKeys, own: CustomerKey | None = None) -> None:
        """`own` is a key that is at hand."""
        self._keys = keys
        self._found: dict[str, CustomerKey | RefusedError] = {own.customer_id: own} if own else {}

    def key(self, customer_id: str) -> CustomerKey:
        """The key of a customer who has sealed something. Raises RefusedError (ERASED), UNREADABLE if it is lost."""
        if customer_id not in self._found:
            self._found[customer_id] = self._find(customer_id)
        found = self._found[customer_id]
        if isinstance(found, RefusedError):
            raise found
        return found

    def read(self, text: SealedText) -> str | None:
        """The text; None if its customer is erased. None also if it does not open, which is logged."""
        place = Place(text.stream_id, text.version, text.field)
        try:
            return self.key(text.customer_id).unseal(place, text.ciphertext)
        except (RefusedError, UnreadableError) as error:
            if not (isinstance(error, RefusedError) and error.reason is Refusal.ERASED):
                logger.error("sealed text does not open", extra={**place._asdict(), "why": str(error)})
            return None

    def _find(self, customer_id: str) -> CustomerKey | RefusedError:
        try:
            return self._keys.find(customer_id) or _unreadable()
        except RefusedError as erased:
            return erased
        except UnreadableError:
            return _unreadable()


def _unreadable() -> RefusedError:
    return RefusedError(Refusal.UNREADABLE, "what the customer wrote cannot be read: their key is lost or not theirs")
