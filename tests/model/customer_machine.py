"""Random histories of customers who register, tell of themselves, buy, ask and are erased, while everything crashes.

Backups are taken and restored, and CustomerErased comes late, again, and out of order.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.cart_service.domain import Request as CartRequest
from services.cart_service.domain import Total
from services.customer_service.domain import Profile
from services.libs.store.event_store import ContentionError, VersionTakenError
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER, customer_stream
from services.shared.events.customer import CustomerErased, CustomerRegistered
from services.shared.lifecycle import Phase
from services.shared.refusals import RefusedError
from services.shared.support_lifecycle import OPEN, RESOLVED, TICKET, ticket_id_of
from services.support_service.domain import NewTicket
from tests.factories import NOW, seeding
from tests.model.customer_keys import MemoryKms, MemoryUserPool
from tests.model.customer_truth import CustomerTruth
from tests.model.customers import STAFF, Sent, Services, Store, customer_of, order_of, user_of
from tests.model.faults import Fault, FaultError, Faults, ProcessDiedError

CUSTOMERS = tuple(f"customer-{number}" for number in range(1, 5))
_SKU = "prod-001"
_FAILED = (ProcessDiedError, FaultError, ContentionError)
_COMMANDS = ("sign_in", "update", "fill_cart", "check_out", "ask", "answer", "reopen", "close", "rate", "erase")
_MEANWHILE = ("erase", "update", "fill_cart", "ask", "sign_in", "arrive")
_TROUBLES = (*Fault, *_MEANWHILE)
_SECONDS_BETWEEN = 40

WHO = st.sampled_from(CUSTOMERS)
CHOICES = st.integers(0, 30)
# Most commands make three to six, a first one of a customer some more.
CALLS = st.integers(1, 5) | st.integers(1, 10)

Message = tuple[str, Commit]
"""CustomerErased on its way to a service."""


class LivesOfCustomers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = Store(Faults())
        kms, self.pool = MemoryKms(), MemoryUserPool({user_of(one) for one in CUSTOMERS})
        self.services = Services(self.store, kms, self.pool)
        self.seen = Services(self.store.without_faults(), kms, self.pool)
        """To look without a fault."""
        self.truth = CustomerTruth(self.store, self.seen)
        self.now = NOW
        self.sent: list[Sent] = []
        self.backups: list[tuple[Commit, ...]] = []
        self.pending: list[Message] = []
        self.is_restored = False
        self.store.append(seeding(_SKU, 1000))
        for customer_id in CUSTOMERS:
            self.store.put_all(order_of(customer_id))
        self.back_up()

    @rule(who=WHO, command=st.sampled_from(_COMMANDS), choice=CHOICES)
    def command(self, who: str, command: str, choice: int) -> None:
        self._command(who, command, choice)

    @rule(who=WHO, commands=st.lists(st.sampled_from(_COMMANDS[:-1]), min_size=3, max_size=5), choice=CHOICES)
    def some_commands(self, who: str, commands: Sequence[str], choice: int) -> None:
        for command in commands:
            self._command(who, command, choice)

    @rule(who=WHO, command=st.sampled_from(_COMMANDS), choice=CHOICES, call=CALLS, trouble=st.sampled_from(_TROUBLES))
    def command_in_trouble(self, who: str, command: str, choice: int, call: int, trouble: str) -> None:
        self._arm(who, call, trouble)
        self._command(who, command, choice)

    @rule(who=WHO, command=st.sampled_from(_COMMANDS), choice=CHOICES, call=CALLS)
    def erase_during_a_command(self, who: str, command: str, choice: int, call: int) -> None:
        self._arm(who, call, "erase")
        self._command(who, command, choice)

    @rule(who=WHO, choice=CHOICES, call=CALLS, trouble=st.sampled_from(_TROUBLES))
    def erase_in_trouble(self, who: str, choice: int, call: int, trouble: str) -> None:
        self._arm(who, call, trouble)
        self._command(who, "erase", choice)

    @rule(choice=CHOICES)
    def repeat(self, choice: int) -> None:
        """A command comes again, whatever became of it."""
        if self.sent:
            self._try(self.sent[-1 - choice % len(self.sent)])

    @rule(choice=CHOICES, again=st.booleans())
    def deliver(self, choice: int, *, again: bool) -> None:
        """It stays on its way if that fails, or if it is to come `again`."""
        self._relay()
        if not self.pending:
            return
        message = self.pending[choice % len(self.pending)]
        if self._handled(message) and not again:
            self._done(message)

    @rule()
    def everything_arrives(self) -> None:
        self._arrive()

    @rule()
    def back_up(self) -> None:
        self.backups.append(tuple(self.store.log))

    @rule(choice=CHOICES, registers=st.booleans(), call=CALLS, fault=st.sampled_from(Fault))
    def restore(self, choice: int, call: int, fault: Fault, *, registers: bool) -> None:
        """The services pause, so nothing happens meanwhile. A restore that fails is run again."""
        self._relay()
        self.store.faults.disarm()
        self.store.faults.arm(call, fault)
        self.store.replace_by(self.backups[-1 - choice % len(self.backups)])
        self.truth.restored()
        self.is_restored = True
        for customer_id, item in self.store.key_table.items.items():
            if "erased_at" in item or registers:
                while not self._mended(customer_id):
                    pass

    @invariant()
    def everything_adds_up(self) -> None:
        self.truth.check()

    def teardown(self) -> None:
        self.store.faults.disarm()
        if self.is_restored:
            self._tell_again()
        self._arrive()
        assert not self.pending
        self.truth.check()
        self.truth.check_settled(self.pool.users)

    def _arm(self, who: str, call: int, trouble: str) -> None:
        meanwhile = {"arrive": self._arrive}.get(trouble, lambda: self._command(who, trouble, 0))
        self.store.faults.arm(call, Fault(trouble) if trouble in [*Fault] else meanwhile)

    def _command(self, who: str, command: str, choice: int) -> None:
        self.now += timedelta(seconds=_SECONDS_BETWEEN)
        getattr(self, f"_{command}")(who, choice)

    def _sign_in(self, who: str, _: int) -> None:
        def act(sent: Sent) -> None:
            if not self.services.customers.is_registered(who):
                mail = Profile(mail=f"{sent.words}@shop-user.example")
                self.services.customers.register(who, user_of(who), sent.cause, mail)
            self.services.logins.tell(who, sent.cause)

        if user_of(who) in self.pool.users:
            self._send(who, act, commits=False)

    def _update(self, who: str, _: int) -> None:
        version = self.store.without_faults().latest_version(customer_stream(who))
        self._send(
            who,
            lambda sent: self.services.customers.update(who, user_of(who), {"name": sent.words}, version, sent.cause),
        )

    def _fill_cart(self, who: str, choice: int) -> None:
        version = self.seen.carts.read(who)[0].version
        self._send(
            who,
            lambda sent: self.services.carts.add(
                who, _SKU, choice % 3 + 1, CartRequest(version, sent.cause, sent.command)
            ),
        )

    def _check_out(self, who: str, choice: int) -> None:
        if not self.seen.carts.read(who)[0].lines:
            self._fill_cart(who, choice)
        cart, stock = self.seen.carts.read(who)
        shown = next(iter(cart.totals(stock)), Total(0, "GBP"))
        self._send(
            who,
            lambda sent: self.services.carts.check_out(who, shown, CartRequest(cart.version, sent.cause, sent.command)),
        )

    def _ask(self, who: str, _: int) -> None:
        self._send(who, lambda sent: self.services.support.create(NewTicket(who, sent.words, sent.words), sent.by()))

    def _answer(self, _: str, choice: int) -> None:
        ticket_id, whose = self._ticket(choice, OPEN)
        self._send(whose, lambda sent: self.services.support.resolve(ticket_id, sent.words, sent.by(STAFF)))

    def _reopen(self, _: str, choice: int) -> None:
        ticket_id, whose = self._ticket(choice, RESOLVED)
        self._send(whose, lambda sent: self.services.support.reopen(ticket_id, sent.words, sent.by()))

    def _close(self, _: str, choice: int) -> None:
        ticket_id, whose = self._ticket(choice, RESOLVED)
        actor = STAFF if choice % 3 == 0 else None
        self._send(whose, lambda sent: self.services.support.close(ticket_id, sent.by(actor)))

    def _rate(self, who: str, choice: int) -> None:
        self._send(
            who,
            lambda sent: self.services.support.give_feedback(f"order-of-{who}", choice % 5 + 1, sent.words, sent.by()),
        )

    def _erase(self, who: str, _: int) -> None:
        def act(sent: Sent) -> None:
            self.services.customers.erase(who, user_of(who), sent.cause)
            assert self.truth.is_erased(who), "an erasure was acknowledged, and not done"

        self._send(who, act, commits=False)

    def _ticket(self, choice: int, phase: Phase) -> tuple[str, str]:
        """A ticket of this phase, or of any, or one that is not there; and whose it is."""
        tickets = self.store.streams(TICKET.prefix).values()
        fit = [history for history in tickets if TICKET.fold(history).phase == phase and choice % 5] or [*tickets]
        if not fit:
            return "t-none", CUSTOMERS[0]
        first = fit[choice % len(fit)][0]
        return ticket_id_of(first.stream_id), customer_of(first)

    def _send(self, who: str, act: Callable[[Sent], object], *, commits: bool = True) -> None:
        self.sent.append(Sent(act, who, len(self.sent) + 1, self.now, commits))
        self._try(self.sent[-1])

    def _try(self, sent: Sent) -> None:
        struck = self.store.faults.struck.total()
        failed: BaseException | None = None
        try:
            sent.act(sent)
        except RefusedError as refused:
            self.truth.check_refusal(sent.customer_id, refused)
        except _FAILED as error:
            failed = error
        else:
            self.truth.acknowledge(sent.cause.event_id, commits=sent.commits)
        assert failed is None or self.store.faults.struck.total() > struck, f"it failed without a fault: {failed!r}"

    def _relay(self) -> None:
        self.pending += [(service, commit) for commit in self.store.erased for service in self.services.handlers]
        self.store.erased.clear()

    def _handled(self, message: Message) -> bool:
        service, commit = message
        cause = Cause(commit.event_id(0), commit.cause.correlation_id, self.now)
        try:
            self.services.handlers[service](customer_of(commit), cause)
        except _FAILED:
            return False
        return True

    def _arrive(self) -> None:
        self._relay()
        for message in [*self.pending]:
            if self._handled(message):
                self._done(message)

    def _done(self, message: Message) -> None:
        # It may have been delivered twice at once.
        if message in self.pending:
            self.pending.remove(message)

    def _tell_again(self) -> None:
        """As `audit --repair` does where a backup is of after the erasure, and of before what followed from it."""
        streams = self.store.streams(CUSTOMER.prefix).values()
        self.store.erased += [history[-1] for history in streams if history[-1].find(CustomerErased)]

    def _mended(self, customer_id: str) -> bool:
        """As a restore does it: commit what the table of keys says, and the log does not."""
        is_erased = self.truth.is_erased(customer_id)
        event = (CustomerErased if is_erased else CustomerRegistered)(customer_id=customer_id)
        stream = customer_stream(customer_id)
        try:
            last = self.store.latest_version(stream)
            history = self.store.read(stream)
            if not any(commit.find(type(event)) for commit in history):
                self.store.append(Commit(stream, last + 1, (event,), Cause("restore", "restore", self.now)))
        except (*_FAILED, VersionTakenError):
            return False
        return True


def run_histories(histories: int) -> None:
    """Each of up to 40 steps. Raise AssertionError at a violation, with the shortest history that was found."""
    lives = settings(max_examples=histories, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(LivesOfCustomers, settings=lives)
