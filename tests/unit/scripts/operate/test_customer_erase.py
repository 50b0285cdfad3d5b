"""The task that erases a customer, with its receipt; services that hear of it are stood in for."""

import json
from collections.abc import Callable

import pytest

from scripts.cli.errors import UserError
from scripts.operate import customer_erase
from services.customer_service.service import Customers
from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import ContentionError
from tests.unit.conftest import CUSTOMER_KEY_TABLE
from tests.unit.scripts.forgetting import CART, CUSTOMER, MAIL, STREAM, World
from tests.unit.services.customers import ADA

DONE = ["CustomerRegistered", "CustomerErased"]


def _serve(world: World, monkeypatch: pytest.MonkeyPatch, customer_id: str) -> None:
    def wait(is_done: Callable[[], bool], *_: float) -> bool:
        world.finish(customer_id)
        return is_done()

    monkeypatch.setattr(customer_erase, "wait_until", wait)


@pytest.fixture
def services(forgetting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the services have finished by the time that the task looks."""
    _serve(forgetting, monkeypatch, CUSTOMER)


def _erase(
    world: World, customer: str | None = CUSTOMER, user: str | None = None, yes: str | None = "test", **more: bool
) -> None:
    customer_erase.erase(world.target(), customer, user, yes, **more)


def _receipt(world: World, capsys: pytest.CaptureFixture[str], **given: str | None) -> dict[str, object]:
    capsys.readouterr()
    _erase(world, as_json=True, **given)  # type: ignore[arg-type] # each has its own name
    receipt: dict[str, object] = json.loads(capsys.readouterr().out)
    return receipt


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("given", [{"customer": CUSTOMER}, {"customer": None, "user": MAIL}])
def test_a_customer_is_erased_by_their_id_or_their_address(
    forgetting: World, capsys: pytest.CaptureFixture[str], given: dict[str, str | None]
) -> None:
    forgetting.customer()

    receipt = _receipt(forgetting, capsys, **given)

    assert forgetting.events_of() == DONE
    assert (forgetting.users(), forgetting.events_of(CART)[-1], forgetting.ticket()[-1]) == (
        0,
        "CartCleared",
        "SupportTicketClosed",
    )
    assert receipt["customer_id"] == CUSTOMER
    assert receipt["event_id"] == f"{STREAM}/2/0"
    assert receipt["erased_at"] == forgetting.key_item()["erased_at"]["S"]
    assert "profile" in str(receipt["destroyed"])
    assert "orders" in str(receipt["stays"])


@pytest.mark.usefixtures("services")
def test_a_repetition_prints_the_same_receipt_and_asks_nobody(
    forgetting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    forgetting.customer()
    _erase(forgetting)
    first = capsys.readouterr().out

    _erase(forgetting, yes=None)

    assert capsys.readouterr().out == first
    assert [line.split()[0] for line in first.splitlines() if line[0] != " "] == [
        "customer",
        "erased",
        "event",
        "destroyed",
        "stays",
    ]


@pytest.mark.parametrize("keeps_id", [True, False])
def test_who_never_registered_is_erased_with_their_user(
    forgetting: World, monkeypatch: pytest.MonkeyPatch, *, keeps_id: bool
) -> None:
    forgetting.sign_up("bob@example.org", customer_id="c-bob")
    name = forgetting.sign_up(customer_id=CUSTOMER if keeps_id else None)
    customer_id = CUSTOMER if keeps_id else forgetting.derived_id(name)
    _serve(forgetting, monkeypatch, customer_id)

    _erase(forgetting, customer_id)

    assert forgetting.events_of(f"customer#{customer_id}") == ["CustomerErased"]
    (left,) = forgetting.cognito.list_users(UserPoolId=forgetting.pool)["Users"]
    assert {"Name": "custom:customer_id", "Value": "c-bob"} in left["Attributes"]


@pytest.mark.usefixtures("services")
def test_neither_output_nor_errors_repeat_the_address_or_a_name(
    forgetting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    username = forgetting.customer()
    _erase(forgetting, None, MAIL)
    with pytest.raises(UserError) as gone:
        _erase(forgetting, None, MAIL)
    with pytest.raises(UserError) as mistaken:
        _erase(forgetting, MAIL)

    said = "".join(capsys.readouterr()) + str(gone.value) + str(mistaken.value)

    assert "give the customer's id of the receipt" in str(gone.value)
    assert "give it as --user" in str(mistaken.value)
    for word in (MAIL, username, str(ADA.name)):
        assert word not in said


def test_nobody_is_erased_without_a_word_of_consent(
    forgetting: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forgetting.customer()

    with pytest.raises(UserError, match="no terminal to ask in: confirm with --yes test"):
        _erase(forgetting, yes=None)
    with pytest.raises(UserError, match="nothing was erased: 'prod'"):
        _erase(forgetting, yes="prod")
    with pytest.raises(UserError, match="with --json nobody is asked"):
        _erase(forgetting, yes=None, as_json=True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda: "no")
    with pytest.raises(UserError, match="nothing was erased"):
        _erase(forgetting, yes=None)

    assert "there is a profile of 1 commit, a user in the pool, an open cart, 1 ticket." in capsys.readouterr().out
    assert forgetting.events_of() == ["CustomerRegistered"]


def test_an_erasure_that_is_still_under_way_is_no_success_and_is_told_again(
    forgetting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetting.customer()
    monkeypatch.setattr(customer_erase, "_WAIT_SECONDS", 0)

    with pytest.raises(UserError, match=r"still under way: the user is in the pool; the cart is open; ticket#t-\w+ is"):
        _erase(forgetting)
    assert forgetting.events.erased == []  # the relay tells of it
    with pytest.raises(UserError, match="still under way"):
        _erase(forgetting)

    assert forgetting.events.erased == [CUSTOMER]


def test_an_erasure_that_others_keep_from_being_written_is_told_without_a_traceback(
    forgetting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetting.customer()

    def contended(*_: object) -> None:
        raise ContentionError("others wrote")

    monkeypatch.setattr(Customers, "erase", contended)

    with pytest.raises(UserError, match="nothing was erased: others wrote; run this again"):
        _erase(forgetting)


@pytest.mark.parametrize(
    ("customer", "user", "said"),
    [
        (None, None, "either the customer's id, or --user"),
        (CUSTOMER, MAIL, "either the customer's id, or --user"),
        ("c-nobody", None, "nothing is stored of a customer of this id"),
        (None, "nobody@example.org", "the pool has no such user"),
    ],
)
def test_who_is_not_found_is_not_erased(forgetting: World, customer: str | None, user: str | None, said: str) -> None:
    forgetting.sign_up()

    with pytest.raises(UserError, match=said):
        _erase(forgetting, customer, user)

    assert forgetting.aws.dynamodb.scan(TableName=CUSTOMER_KEY_TABLE)["Items"] == []


@pytest.mark.usefixtures("services")
def test_an_erasure_that_only_the_table_of_keys_remembers_is_committed_again(forgetting: World) -> None:
    forgetting.customer()
    _erase(forgetting)
    key = to_item({"stream_id": STREAM, "version": 2})
    forgetting.aws.dynamodb.delete_item(TableName=forgetting.deployment.tables.event_store, Key=key)

    _erase(forgetting)

    assert forgetting.events_of() == DONE
