"""What the event store says about the commands of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from services.cart_service.domain import Cart, closes
from services.shared.cart_lifecycle import CART_PREFIX, checkout_version
from services.shared.commits import Commit, order_stream
from services.shared.events.cart import CartCheckoutInitiated
from services.shared.events.customer import CustomerRegistered
from services.shared.events.event import Event
from services.shared.events.order import OrderPlaced
from tests.faults.commands import Log, Repetition, Sent


class Evidence:
    """`commits` are all of the log, once nothing is under way."""

    def __init__(self, log: Log, commits: Iterable[Commit]) -> None:
        self._log = log
        self._commits = list(commits)
        self._by_cause: dict[str, list[Commit]] = defaultdict(list)
        self._by_stream: dict[str, list[Commit]] = defaultdict(list)
        for commit in self._commits:
            self._by_cause[commit.cause.event_id].append(commit)
            self._by_stream[commit.stream_id].append(commit)

    def failures(self) -> dict[str, list[str]]:
        """What must not be, by name."""
        found = {
            "commands": [f"{_named(sent)}: {wrong}" for sent in self._log.sent for wrong in self._wrong(sent)],
            "repetitions": [
                f"{_named(one.sent)}: {wrong}" for one in self._log.repetitions for wrong in self._differs(one)
            ],
            "keys": list(self._keys_stored_twice()),
            "checkouts": list(self._bad_checkouts()),
        }
        return {name: subjects for name, subjects in found.items() if subjects}

    def unacknowledged(self) -> Counter[str]:
        """How many commands that were not acknowledged are in the store, and how many are not."""
        return Counter(
            f"{sent.outcome}, {'stored' if self._of(sent) else 'not stored'}"
            for sent in self._log.sent
            if not sent.answer
        )

    def _of(self, sent: Sent) -> list[Commit]:
        """A request may register its customer too."""
        commits = self._by_cause[f"request-{sent.request.correlation_id}"]
        return [commit for commit in commits if not commit.find(CustomerRegistered)]

    def _wrong(self, sent: Sent) -> Iterator[str]:
        stored = self._of(sent)
        if sent.problem and sent.problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            yield "answered 500 in each attempt"
        if len(stored) > 1:
            yield f"stored {len(stored)} times"
        if sent.answer and not stored:
            yield "acknowledged and not stored"
        if sent.is_refused and stored and not self._may_be_refused(sent, stored[0]):
            yield f"refused ({sent.problem}), yet stored as version {stored[0].version}"
        for commit in stored[:1]:
            yield from self._stored_otherwise(sent, commit)

    def _may_be_refused(self, sent: Sent, commit: Commit) -> bool:
        """A command without a key is not recognized; nor is one of a cart that has been closed since."""
        is_stale = sent.problem is not None and sent.problem.status == HTTPStatus.PRECONDITION_FAILED
        return is_stale and (sent.request.command is None or self._is_closed_since(commit))

    def _is_closed_since(self, commit: Commit) -> bool:
        history = self._by_stream[commit.stream_id] if commit.stream_id.startswith(CART_PREFIX) else ()
        return any(closes(later) for later in history if later.version > commit.version)

    def _stored_otherwise(self, sent: Sent, commit: Commit) -> Iterator[str]:
        request = sent.request
        if commit.stream_id != request.stream_id:
            yield f"stored in {commit.stream_id}"
        if commit.command != request.command and not (request.is_sealed and _is_hidden(commit, sent)):
            yield "stored without its key and content"
        events = [event for event in commit.events if isinstance(event, request.leads_to)]
        if not any(_says(event, request.says) for event in events):
            yield f"stored as {', '.join(event.type_name() for event in commit.events)}, not saying {request.says}"
        if sent.answer:
            if sent.answer.tag not in {None, commit.version}:
                yield f"acknowledged as version {sent.answer.tag}, stored as {commit.version}"
            if request.is_of_a_cart and commit.find(CartCheckoutInitiated) is None:
                yield from self._other_cart(sent, commit)

    def _other_cart(self, sent: Sent, commit: Commit) -> Iterator[str]:
        assert sent.answer is not None
        history = [one for one in self._by_stream[commit.stream_id] if one.version <= commit.version]
        lines = Cart.of(sent.request.caller, sorted(history, key=lambda one: one.version)).lines.values()
        stored = [(line.sku, line.quantity, line.unit_price_minor) for line in lines]
        told = [(line.sku, line.quantity, line.unit_price_minor) for line in sent.answer.content.lines]
        if stored != told:
            yield f"told that the cart is {told}, stored {stored}"

    def _differs(self, one: Repetition) -> Iterator[str]:
        """A command without a key may be refused when it is repeated, or change nothing."""
        if one.again.answer is None and not one.again.is_refused:
            return
        if one.sent.request.command is None or one.again.answer == one.sent.answer:
            return
        stored = self._of(one.sent)
        if stored and one.again.is_refused and self._may_be_refused(one.again, stored[0]):
            return
        yield f"repeated with another answer: {one.again.answer or one.again.problem}, before {one.sent.answer}"

    def _keys_stored_twice(self) -> Iterator[str]:
        counts = Counter(commit.command.key for commit in self._commits if commit.command)
        for key, count in counts.items():
            if count > 1:
                places = [_place(one) for one in self._commits if one.command and one.command.key == key]
                yield f"the key {key} is in {' and '.join(places)}"

    def _bad_checkouts(self) -> Iterator[str]:
        """Of every cart in the store: halves, and orders that are not this version's alone."""
        placed: Counter[str] = Counter()
        for commit in self._commits:
            checkout, order = commit.find(CartCheckoutInitiated), commit.find(OrderPlaced)
            if not checkout and not order:
                continue
            where = _place(commit)
            if not checkout or not order:
                yield f"{where} is half a checkout"
                continue
            placed[order.order_id] += 1
            if checkout.order_id != order.order_id or checkout_version(order.order_id) != commit.version:
                yield f"{where} places {checkout.order_id} and {order.order_id}, not one order of this version"
            if not self._by_stream[order_stream(order.order_id)]:
                yield f"{where}: the order {order.order_id} was never decided"
        yield from (f"{order_id} is placed {count} times" for order_id, count in placed.items() if count > 1)


def _says(event: Event, fields: Mapping[str, object]) -> bool:
    said = event.model_dump(mode="json")
    return all(said.get(name) == value for name, value in fields.items())


def _is_hidden(commit: Commit, sent: Sent) -> bool:
    stored, plain = commit.command, sent.request.command
    return bool(stored and plain and stored.key == plain.key and stored.content != plain.content)


def _place(commit: Commit) -> str:
    return f"{commit.stream_id} version {commit.version}"


def _named(sent: Sent) -> str:
    return f"{sent.request.name} ({sent.request.stream_id}, {sent.outcome})"
