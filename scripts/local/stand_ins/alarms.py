"""A stand-in for what Terraform reads of a CloudWatch alarm."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from typing import Any

from scripts.local.stand_ins.types import Document, Response

DescribeAlarms = Callable[..., Response]


def describe_whole_alarms(describe: DescribeAlarms, answer: Callable[[int, str, str], Response]) -> DescribeAlarms:
    """Answer Terraform with every property of an alarm: MiniStack leaves most of them out of its XML.

    MiniStack's JSON has all of them, so it is converted to the XML of the Query protocol:
    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html.
    """

    def describe_all_of_them(params: Document, document: Document, is_cbor: bool, is_json: bool = False) -> Response:  # noqa: FBT001, FBT002 - as MiniStack calls it
        if is_cbor or is_json:
            return describe(params, document, is_cbor=is_cbor, is_json=is_json)
        asked: Document = {}
        for key, (value, *_) in params.items():
            name, of_a_list, _ = key.partition(".member.")
            asked[name] = [*asked.get(name, []), value] if of_a_list else value
        status, _, body = describe({}, asked, is_cbor=False, is_json=True)
        if status != HTTPStatus.OK:
            return describe(params, document, is_cbor=False)
        return answer(status, "DescribeAlarmsResponse", _xml({"DescribeAlarmsResult": json.loads(body)}))

    return describe_all_of_them


def _xml(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        dated = {key: _iso(item) if key.endswith("Timestamp") else item for key, item in value.items()}
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in dated.items() if item is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    return escape(json.dumps(value) if isinstance(value, bool) else str(value))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
