"""What customers ask for and staff does after the sale: cancel an order, take goods back, ask for a refund again."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.items import sku_and_quantity
from scripts.cli.money import money
from scripts.cli.waiting import wait_until
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.use_cases import after_sale
from services.libs.store.event_store import ContentionError, EventStore, StockRefusedError
from services.order_service.after_sale import ReceivedGoods
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream
from services.shared.events.event import Identifier
from services.shared.events.order import OrderCancelled, ReturnRequested
from services.shared.events.payment import RefundMode, RefundRequested
from services.shared.inventory import StockLine
from services.shared.order_state import Order, Refund, RefundStatus
from services.shared.refusals import RefusedError
from services.shared.validation_errors import causes

NO_RESTOCK = "none"
"""The value of --restock for goods of which none is fit for sale."""
_WAIT_SECONDS = 60
_POLL_SECONDS = 0.2
_LONGEST_SHOWN = 40
_UNTIL_DECIDED_SECONDS = 10
_DECISION_POLL_SECONDS = 0.01


class _Desk:
    """The use cases for one order of a deployment, as a person at a desk has them done."""

    def __init__(self, target: Target, order_id: str) -> None:
        deployment, client = Deployment.of(target), target.client("dynamodb")
        self.order_id = _identifier("the order's id", order_id)
        self._store = EventStore(client, deployment.store_tables)
        self.after_sale = after_sale(client, deployment)

    def order(self) -> Order:
        """Raise UserError where there is none."""
        history = self._store.read(order_stream(self.order_id))
        if not history:
            raise UserError(f"order {self.order_id} is not decided yet, or does not exist: nothing was changed")
        return Order.of(history)

    def is_decided(self) -> bool:
        return bool(self._store.read(order_stream(self.order_id)))

    def customer(self) -> str:
        """The order's own customer, for whom staff acts."""
        order = self.order()
        return (order.validated or order.history[0].get(OrderCancelled)).customer_id

    def unmade_refunds(self) -> list[RefundRequested]:
        unmade = {RefundStatus.OPEN, RefundStatus.FAILED}
        return [refund.requested for refund in self.order().refunds.values() if refund.status in unmade]

    def wait_for_refunds(self, refund_ids: Sequence[str]) -> None:
        """Print how each refund ends; raise UserError for one that was refused, or is not made in time."""

        def refunds() -> list[Refund]:
            known = self.order().refunds
            return [known[refund_id] for refund_id in refund_ids]

        wait_until(
            lambda: all(refund.status is not RefundStatus.OPEN for refund in refunds()), _WAIT_SECONDS, _POLL_SECONDS
        )
        problems = [problem for refund in refunds() if (problem := self._end_of(refund))]
        if problems:
            raise UserError("\n".join(problems))

    def _end_of(self, refund: Refund) -> str | None:
        """Print what was given back, or return what is wrong."""
        name = f"refund {refund.requested.refund_id}"
        match refund.status:
            case RefundStatus.OPEN:
                return (
                    f"{name} is not made yet: `invoke logs --order {self.order_id} --errors` may say why; "
                    "during `invoke pause` it waits for `invoke resume`"
                )
            case RefundStatus.FAILED:
                return f"{name} was refused by the payment provider: `invoke refund-retry {self.order_id}` asks again"
            case _:
                given_back = money(refund.refunded_minor, refund.requested.currency)
                out.print(f"{name} is made: {given_back} were given back", markup=False)
                return None


def cancel_order(target: Target, order_id: str, customer_id: str | None, *, wait: bool) -> None:
    """Cancel the order for its customer, and print what follows; raise UserError where it cannot be cancelled.

    An order that is not decided yet is waited for.
    """
    desk = _Desk(target, order_id)
    wait_until(desk.is_decided, _UNTIL_DECIDED_SECONDS, _DECISION_POLL_SECONDS)
    with _refusals_explained():
        _, commit = desk.after_sale.cancel(order_id, customer_id or desk.customer(), _cause("order-cancel"))
    _print(f"order {order_id} is cancelled", commit)
    _finish(desk, [commit], wait=wait)


def request_return(
    target: Target, order_id: str, customer_id: str | None, items: Sequence[str], return_id: str | None
) -> None:
    """Open a return of the items (`SKU=QUANTITY`) for the order's customer; raise UserError where it cannot be."""
    lines = _lines("--item", items)
    if not lines:
        raise UserError("the return is empty: give --item SKU=QUANTITY, as often as you like")
    desk = _Desk(target, order_id)
    with _refusals_explained():
        announced = ReturnRequested.model_validate(
            {
                "order_id": order_id,
                "customer_id": customer_id or desk.customer(),
                "return_id": return_id or f"return-{uuid4().hex[:12]}",
                "lines": [line._asdict() for line in lines],
            }
        )
        _, commit = desk.after_sale.request_return(announced, _cause("return-request"))
    _print(f"return {announced.return_id} of order {order_id} is open", commit)
    if commit and commit.due_at:
        out.print(f"it is closed without a refund if nothing arrives by {commit.due_at:%Y-%m-%d %H:%M} UTC")
    _finish(desk, [], wait=False)


def receive_return(  # noqa: PLR0913 - the options of the command
    target: Target, order_id: str, return_id: str, items: Sequence[str], restock: Sequence[str], *, wait: bool
) -> None:
    """Close the return with the items that came back, of which `restock` are fit for sale: all unless told otherwise.

    Raises UserError where that cannot be.
    """
    lines = _lines("--item", items)
    if restock == [NO_RESTOCK]:
        fit: tuple[StockLine, ...] = ()
    else:
        fit = _lines("--restock", restock) or lines
    desk = _Desk(target, order_id)
    with _refusals_explained():
        goods = ReceivedGoods(order_id, return_id, lines, fit)
        _, commit = desk.after_sale.receive_return(goods, _cause("return-receive"))
    _print(f"return {return_id} of order {order_id} is received", commit)
    _finish(desk, [commit], wait=wait)


def retry_refunds(target: Target, order_id: str, refund_id: str | None, *, wait: bool) -> None:
    """Ask for a failed refund again, or for each of the order's; raise UserError where there is none."""
    desk = _Desk(target, order_id)
    failed = [refund_id] if refund_id else _failed(desk.order())
    if not failed:
        raise UserError(f"order {order_id} has no refund that failed: nothing was changed")
    commits: list[Commit | None] = []
    for one in failed:
        with _refusals_explained():
            commits.append(desk.after_sale.retry_refund(order_id, one, _cause("refund-retry")))
        _print(f"refund {one} of order {order_id} is asked for again", commits[-1])
    _finish(desk, commits, wait=wait)


def _failed(order: Order) -> list[str]:
    return [refund_id for refund_id, refund in order.refunds.items() if refund.status is RefundStatus.FAILED]


def _identifier(what: str, text: str) -> str:
    """Raise UserError for a text that is the id of nothing."""
    try:
        return TypeAdapter[str](Identifier).validate_python(text)
    except ValidationError as error:
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        raise UserError(f"{what} cannot be {shown!r}: {causes(error)[0]['msg']}; nothing was changed") from error


def _lines(option: str, items: Sequence[str]) -> tuple[StockLine, ...]:
    return tuple(StockLine(*sku_and_quantity(option, item)) for item in items)


def _cause(task: str) -> Cause:
    name = f"{task}-{uuid4()}"
    return Cause(event_id=name, correlation_id=name, at=datetime.now(UTC))


@contextmanager
def _refusals_explained() -> Iterator[None]:
    try:
        yield
    except RefusedError as refusal:
        raise UserError(f"{refusal}; nothing was changed") from refusal
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in causes(error)]
        raise UserError(f"{'; '.join(problems)}; nothing was changed") from error
    except ContentionError as error:
        raise UserError(f"{error}: nothing was changed, try again") from error
    except StockRefusedError as error:
        raise UserError(f"{error}: nothing was changed; `invoke audit` says what is wrong with the stock") from error


def _print(done: str, commit: Commit | None) -> None:
    out.print(f"{done}, by version {commit.version}" if commit else f"{done} already", markup=False)


def _finish(desk: _Desk, commits: Iterable[Commit | None], *, wait: bool) -> None:
    """Wait for the refunds that these commits ask for, and say how to look at the order.

    A repetition commits nothing, and waits for each refund of the order that is not made yet.
    """
    refunds = [refund for commit in commits if commit and (refund := commit.find(RefundRequested))]
    if None in commits:
        refunds += desk.unmade_refunds()
    for refund in refunds:
        most = "at most " if refund.mode is RefundMode.CALL_OFF else ""
        amount = money(refund.amount_minor, refund.currency)
        out.print(f"refund {refund.refund_id} of {most}{amount} is asked for", markup=False)
    out.print(f"`invoke order-show {desk.order_id}` shows all of it", markup=False)
    if wait:
        desk.wait_for_refunds([refund.refund_id for refund in refunds])
