"""What is sealed opens under its own key, at its own place, whole, and nowhere else."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.libs.personal.sealing import CustomerKey, Place, UnreadableError
from services.shared.commits import Command
from services.shared.events.customer import CustomerProfileUpdated

SECRET = bytes(range(32))
KEY = CustomerKey("customer-1", SECRET)
PLACE = Place("customer#customer-1", 2, "sealed_profile")
TEXT = "Ada Lovelace, 12 St James's Square"


@pytest.mark.parametrize("text", ["", "a", TEXT, "Zoë Ångström 李雷 🏠\n\x00", "long " * 20_000])
def test_a_text_is_read_where_it_was_sealed(text: str) -> None:
    assert KEY.unseal(PLACE, KEY.seal(PLACE, text)) == text


@given(text=st.text(), stream=st.text(), version=st.integers(), field=st.text())
def test_any_text_is_read_at_any_place_that_it_was_sealed_for(text: str, stream: str, version: int, field: str) -> None:
    place = Place(stream, version, field)

    assert KEY.unseal(place, KEY.seal(place, text)) == text


@pytest.mark.parametrize(
    "place",
    [
        PLACE._replace(stream_id="customer#customer-2"),
        PLACE._replace(stream_id="ticket#customer-1"),
        PLACE._replace(version=1),
        PLACE._replace(version=3),
        PLACE._replace(field="sealed_text"),
        PLACE._replace(stream_id="customer#customer-1\x002", version=0),
    ],
)
def test_a_text_that_was_moved_is_refused(place: Place) -> None:
    """So is an earlier one that is put back, as its version is another."""
    with pytest.raises(UnreadableError):
        KEY.unseal(place, KEY.seal(PLACE, TEXT))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(CustomerKey("customer-1", bytes(32)), id="another secret"),
        pytest.param(CustomerKey("customer-2", SECRET), id="another customer of the same secret"),
    ],
)
def test_another_customers_key_opens_nothing(other: CustomerKey) -> None:
    with pytest.raises(UnreadableError):
        other.unseal(PLACE, KEY.seal(PLACE, TEXT))


def test_parts_of_a_place_do_not_run_into_each_other() -> None:
    sealed = KEY.seal(Place("ticket#1", 11, "sealed_text"), TEXT)

    with pytest.raises(UnreadableError):
        KEY.unseal(Place("ticket#11", 1, "sealed_text"), sealed)


def test_each_flipped_bit_is_noticed() -> None:
    raw = base64.b64decode(KEY.seal(PLACE, "Ada"))

    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UnreadableError):
            KEY.unseal(PLACE, base64.b64encode(flipped).decode())


def test_what_was_cut_off_anywhere_is_refused() -> None:
    sealed = KEY.seal(PLACE, TEXT)

    for length in range(len(sealed)):
        with pytest.raises(UnreadableError):
            KEY.unseal(PLACE, sealed[:length])


@pytest.mark.parametrize("sealed", ["", "=", "AAAA", "no base64 at all", TEXT, "ünlesbar"])
def test_what_never_was_sealed_is_refused(sealed: str) -> None:
    with pytest.raises(UnreadableError):
        KEY.unseal(PLACE, sealed)


def test_a_refusal_tells_the_place_and_nothing_else() -> None:
    with pytest.raises(UnreadableError) as refused:
        KEY.unseal(PLACE, base64.b64encode(TEXT.encode()).decode())

    assert str(refused.value) == "sealed_profile of customer#customer-1 version 2"
    assert refused.value.__cause__ is None


def test_the_same_text_looks_different_each_time() -> None:
    """Otherwise one could see that two addresses are the same."""
    sealed = {KEY.seal(PLACE, TEXT) for _ in range(100)}

    assert len(sealed) == 100
    assert len({base64.b64decode(one)[:12] for one in sealed}) == 100


def test_what_is_sealed_is_what_an_event_holds() -> None:
    sealed = KEY.seal(PLACE, TEXT)

    event = CustomerProfileUpdated(customer_id="customer-1", fields=("name",), sealed_profile=sealed)

    assert CustomerProfileUpdated.of(event.stored()) == event
    assert "sealedProfile" not in event.published()


COMMAND = Command("key", hashlib.sha256(json.dumps({"text": "Ada"}).encode()).hexdigest())


def test_the_content_of_a_command_cannot_be_guessed() -> None:
    """A plain hash would tell who tries out all names, or all house numbers, that it was this one."""
    stored = KEY.command(COMMAND)

    assert stored.key == COMMAND.key
    assert stored.content != COMMAND.content
    assert len(stored.content) == len(COMMAND.content)
    assert stored.content != hashlib.sha256(COMMAND.content.encode()).hexdigest()


def test_a_repeated_command_is_known_and_another_is_not() -> None:
    assert CustomerKey("customer-1", SECRET).command(COMMAND) == KEY.command(COMMAND)
    assert KEY.command(COMMAND._replace(content="other")) != KEY.command(COMMAND)


def test_two_customers_who_say_the_same_are_stored_differently() -> None:
    assert CustomerKey("customer-2", bytes(32)).command(COMMAND) != KEY.command(COMMAND)


def test_the_secret_that_hashes_commands_is_not_the_one_that_seals() -> None:
    sealing = hmac.new(SECRET, b"seal", hashlib.sha256).digest()

    for secret in (SECRET, sealing):
        assert (
            KEY.command(Command("key", "content")).content != hmac.new(secret, b"content", hashlib.sha256).hexdigest()
        )
