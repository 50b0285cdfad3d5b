"""docs/order-lifecycle.md, against the declaration that it draws."""

from pathlib import Path

import pytest

from scripts.check.lifecycle_diagram import DIAGRAMS, diagram, page_with_diagrams
from services.shared.order_lifecycle import ORDER

PAGE = Path("docs/order-lifecycle.md")


def test_the_page_draws_the_life_of_an_order_as_it_is_declared() -> None:
    page = PAGE.read_text("utf-8")

    assert page_with_diagrams(page) == page, "run `invoke events`"


def test_a_diagram_that_is_out_of_date_is_drawn_again() -> None:
    page = "before\n<!-- lifecycle: order -->\nold\n<!-- end -->\nafter\n"

    assert "reserved --> paid : PaymentProcessed (payment-service)" in page_with_diagrams(page)


def test_a_diagram_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError, match="parcel"):
        page_with_diagrams("<!-- lifecycle: parcel -->\n<!-- end -->\n")


def test_every_phase_of_an_order_is_in_its_table() -> None:
    phases = {phase.name for one in ORDER.transitions for phase in (*one.phases, one.to) if phase} - {"new"}
    table = "".join(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| "))

    assert {phase for phase in phases if phase not in table} == set()


def test_commits_of_one_writer_that_lead_from_a_phase_to_the_same_share_an_arrow() -> None:
    arrows = [line.strip() for line in diagram(ORDER).splitlines() if "cancelled --> cancelled" in line]

    assert arrows == [
        "cancelled --> cancelled : RefundProcessed or RefundFailed (payment-service)",
        "cancelled --> cancelled : RefundRequested (order-service)",
    ]


def test_each_kind_of_stream_can_be_drawn() -> None:
    assert DIAGRAMS.keys() >= {"order", "shipment", "sku"}
