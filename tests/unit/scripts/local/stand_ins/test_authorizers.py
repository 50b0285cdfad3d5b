from typing import Any

from scripts.local.stand_ins.authorizers import without_a_payload_format


def test_only_an_authorizer_that_calls_a_function_has_a_payload_format() -> None:
    created: list[Any] = []

    def create(api_id: str, document: dict[str, Any]) -> tuple[int, dict[str, object], bytes]:
        created.append((api_id, document.get("authorizerPayloadFormatVersion", "by default")))
        return 201, {}, b"{}"

    for kind in ("JWT", "REQUEST"):
        without_a_payload_format(create)("api", {"authorizerType": kind})

    assert created == [("api", ""), ("api", "by default")]
