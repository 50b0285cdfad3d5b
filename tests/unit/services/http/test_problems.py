"""The answer to each error, and the log and the metrics of it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from services.libs.http.problems import ProblemError, problem_of, status_of
from services.libs.observability.metrics import REGISTRY
from services.libs.observability.structured_logging import configure_logging
from services.libs.store.event_store import ContentionError
from services.shared.faults import OutOfTimeError
from services.shared.refusals import Refusal, RefusedError
from tests.unit.services.http.shop import CLAIMS, FUNCTION, Answer, ask, request, shelf_api

_STATUSES = {
    Refusal.NOT_FOUND: 404,
    Refusal.ERASED: 410,
    Refusal.STALE: 412,
    Refusal.INVALID: 422,
    Refusal.KEY_REUSED: 422,
}


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "message" in line]


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"function_name": FUNCTION, **labels}) or 0


def _asked(error: Exception) -> Answer:
    return ask(shelf_api(error), request("GET", "/v1/shelves"))


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refusal_is_answered_with_its_status_and_reason(refusal: Refusal) -> None:
    answer = _asked(RefusedError(refusal, "the order is too old: call us"))

    assert answer.status == status_of(refusal) == _STATUSES.get(refusal, 409)
    assert answer.content["type"] == f"urn:pulsequeue:problem:{refusal}"
    assert answer.content["detail"] == "the order is too old: call us"
    assert answer.headers.get("retry-after") == ("1" if refusal is Refusal.NOT_YET else None)


@pytest.mark.parametrize(
    "fault",
    [ContentionError(), OutOfTimeError(), ClientError({}, "GetItem"), ReadTimeoutError(endpoint_url="http://secret")],
)
def test_a_fault_of_a_dependency_asks_for_a_repetition(fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(FUNCTION, "INFO")
    before = _count("lambda_errors_total", error_type="dependency_error")

    answer = _asked(fault)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "secret" not in json.dumps(answer.content)
    assert [line["message"] for line in _lines(capsys)] == ["dependency failed", "handled"]
    assert _count("lambda_errors_total", error_type="dependency_error") == before + 1


def test_a_defect_is_logged_and_its_details_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(FUNCTION, "INFO")
    before = _count("lambda_errors_total", error_type="unknown_error")

    answer = _asked(KeyError("the table of secrets"))

    assert answer.status == 500
    assert "secrets" not in json.dumps(answer.content)
    failed, handled = _lines(capsys)
    assert "the table of secrets" in failed["exception"]
    assert failed["correlation_id"] == handled["correlation_id"] == answer.headers["x-correlation-id"]
    assert _count("lambda_errors_total", error_type="unknown_error") == before + 1


def test_an_answer_that_does_not_fit_its_model_is_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(FUNCTION, "INFO")

    answer = ask(shelf_api(answer={"shelfId": "jane", "linesHeld": "jane"}), request("GET", "/v1/shelves"))

    assert answer.status == 500
    failed, _ = _lines(capsys)
    assert failed["fields"] == [["response", "linesHeld"]]
    assert "jane" not in json.dumps([answer.content, failed])


def test_further_members_of_a_problem_are_answered() -> None:
    status = ProblemError(409, "it rose", "price_changed").status  # type: ignore[arg-type]
    refused = ProblemError(status, "it rose", "price_changed", extensions={"shownMinor": 100, "totalMinor": 120})

    assert problem_of(refused) is refused


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (RefusedError(Refusal.TOO_LATE, "no"), "success"),
        (RefusedError(Refusal.NOT_FOUND, "no"), "success"),
        (KeyError("x"), "error"),
    ],
)
def test_an_expected_no_is_a_success_of_the_function(error: Exception, counted: str) -> None:
    before = _count("lambda_requests_total", status=counted)

    _asked(error)

    assert _count("lambda_requests_total", status=counted) == before + 1


def test_a_request_is_logged_by_its_route_and_status_without_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(FUNCTION, "INFO")

    ask(shelf_api(RefusedError(Refusal.NOT_FOUND, "no")), request("GET", "/v1/shelves/jane", claims=CLAIMS))

    (line,) = _lines(capsys)
    expected = {"message": "handled", "route": "GET /v1/shelves/{shelfId}", "status": 404, "reason": "not_found"}
    assert line.items() >= expected.items()
    assert "jane" not in json.dumps(line)


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("order-1.a_B", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("", False), ("é", False)],
)
def test_a_well_formed_correlation_id_is_kept(given: str, is_kept: bool) -> None:  # noqa: FBT001 - a column of the table
    answer = ask(shelf_api(), request("GET", "/v1/shelves", headers={"x-correlation-id": given}))

    assert (answer.headers["x-correlation-id"] == given) is is_kept
    assert answer.headers["x-correlation-id"]


def test_no_answer_is_kept_by_a_cache_unless_it_says_so() -> None:
    assert _asked(KeyError()).headers["cache-control"] == "no-store"
    assert ask(shelf_api(), request("GET", "/v1/shelves")).headers["cache-control"] == "no-store"
