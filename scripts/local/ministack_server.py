"""The embedded AWS's own process: MiniStack's main, with a stand-in for each thing of AWS that it lacks.

Run by the emulator's interpreter, which has MiniStack and boto3 and nothing of the project's own packages.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

from scripts.local.api_requests import few_at_once
from scripts.local.emf import DataPoint, add_to_minute, data_points

Document = dict[str, Any]  # JSON, as MiniStack passes it around
Execute = Callable[[Document, Any], Document]
Store = Callable[[Sequence[DataPoint]], None]
Response = tuple[int, Document, bytes]
Insert = Callable[[Document, Document], Response]
Check = Callable[[str, bytes, str, str], list[tuple[str, str]]]
"""Gives the action and the resource of each permission that a request needs."""
Identify = Callable[[str, str, str], tuple[str, Document]]
"""Gives the principal that a web identity's token names, and the condition keys of it."""
DescribeAlarms = Callable[..., Response]
ExtractAction = Callable[..., str | None]
"""Gives the action of IAM that a request needs."""
Send = Callable[[Any, Any], bytes]
"""Gives the bytes of a part of a reply, for a connection."""

_RETRY_PAUSE_SECONDS = 0.2
_MAX_ATTEMPTS_WITHOUT_PROGRESS = 2
_QUEUE_METRICS_SECONDS = 10
_RECEIVES_OF_A_POISON_PILL = 3
_IDLE_SECONDS = 1.0
_NEVER = 1_000_000_000

logger = logging.getLogger(__name__)


def retry_failed_stream_records(
    execute: Execute,
    reports_item_failures: Callable[[Document, Document], bool],
    pause: Callable[[float], None] = time.sleep,
) -> Execute:
    """Stand in for partial batch failures of a DynamoDB stream.

    MiniStack moves past a batch whenever the function returns, so that the records it named as failed would be lost.
    Lambda retries from the first failed record on:
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    Without progress the invocation becomes an error, upon which MiniStack keeps its position and tries again later.
    """

    def execute_until_no_record_fails(function: Document, event: Any) -> Document:  # noqa: ANN401 - an event is any JSON
        records = event.get("Records") if isinstance(event, dict) else None
        if not records or records[0].get("eventSource") != "aws:dynamodb" or not reports_item_failures(function, event):
            return execute(function, event)
        stuck = 0
        while True:
            result = execute(function, {**event, "Records": records})
            failed = _failed_sequence_numbers(result)
            if result.get("error") or not failed:
                return result
            left = _from_first_failed(records, failed)
            stuck = stuck + 1 if len(left) == len(records) else 0
            if stuck == _MAX_ATTEMPTS_WITHOUT_PROGRESS:
                return _batch_failure(result, left)
            records = left
            pause(_RETRY_PAUSE_SECONDS)

    return execute_until_no_record_fails


def _failed_sequence_numbers(result: Mapping[str, Any]) -> list[str]:
    body = result.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return []
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    return [str(failure.get("itemIdentifier", "")) for failure in failures or []]


def _from_first_failed(records: Sequence[Document], failed: Sequence[str]) -> list[Document]:
    """Every record if a number is none of theirs, as Lambda has it."""
    positions = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
    return list(records[min(positions.get(number, 0) for number in failed) :])


def _batch_failure(result: Mapping[str, Any], left: Sequence[Document]) -> Document:
    first = left[0]["dynamodb"]["SequenceNumber"]
    message = f"{len(left)} stream records still fail, the first is {first}"
    return {**result, "error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": message}}


def poll_apart(
    poll: Callable[[], bool], has_work: threading.Event, idle_seconds: float = _IDLE_SECONDS
) -> Callable[[], bool]:
    """Stand in for the poller that each event source has to itself on AWS; return what MiniStack's own is to call.

    MiniStack's one poller waits for the end of a stream's invocation, and hands out no queue's messages meanwhile.
    """

    def poll_for_ever() -> None:
        while True:
            has_work.clear()
            if not _succeeds(poll):
                has_work.wait(idle_seconds)

    threading.Thread(target=poll_for_ever, daemon=True).start()
    return lambda: False


def _succeeds(poll: Callable[[], bool]) -> bool:
    """Poll, and take a fault for nothing found, as MiniStack's own poller does."""
    try:
        return poll()
    except Exception:
        logger.exception("polling a stream failed")
        return False


def extract_metrics(emit_logs: Callable[..., None], store: Store) -> Callable[..., None]:
    """Stand in for the extraction of EMF: what an invocation wrote to its log is stored as metrics too."""

    def emit_logs_and_metrics(function: Document, request_id: str, log_text: str, *rest: Any, **options: Any) -> None:  # noqa: ANN401 - handed on
        emit_logs(function, request_id, log_text, *rest, **options)
        store(list(data_points(log_text)))

    return emit_logs_and_metrics


def alone(call: Callable[..., Any], lock: threading.Lock) -> Callable[..., Any]:
    """Make a call during which nothing is stored.

    Upon each request MiniStack puts lists without the old points in the place of its lists of points, and what came in
    meanwhile would be lost. And whoever reads gets all that an invocation wrote, or nothing of it.
    """

    def call_alone(*arguments: Any) -> Any:  # noqa: ANN401 - handed on
        with lock:
            return call(*arguments)

    return call_alone


def stream_inserts(insert: Insert, emit: Callable[[str, str, None, Document], None]) -> Insert:
    """Stand in for the stream records of items that a statement inserts, which MiniStack forgets."""

    def insert_and_emit(table: Document, statement: Document) -> Response:
        response = insert(table, statement)
        if response[0] == HTTPStatus.OK:
            item = statement["item"]
            emit(table["TableName"], "INSERT", None, item.get("M", item))
        return response

    return insert_and_emit


def check_statements(check: Check) -> Check:
    """Stand in for the permission that an INSERT statement needs; MiniStack asks for one that AWS does not know.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
    """

    def check_items_and_statements(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        if action != "dynamodb:BatchExecuteStatement":
            return check(action, body, region, account)
        statements = [one.get("Statement", "") for one in json.loads(body).get("Statements", [])]
        inserts = [re.match(r'\s*INSERT\s+INTO\s+"([^"]+)"', one) for one in statements]
        tables = {insert[1] if insert else "" for insert in inserts}
        if "" in tables:
            return []  # then it asks for the permission that nobody has
        return [("dynamodb:PartiQLInsert", f"arn:aws:dynamodb:{region}:{account}:table/{name}") for name in tables]

    return check_items_and_statements


def single_actions(extract: ExtractAction) -> ExtractAction:
    """Stand in for the permission that a batch of SQS needs, which is that of its single action.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """

    def extract_single_action(*request: Any) -> str | None:  # noqa: ANN401 - handed on as it comes
        action = extract(*request)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    return extract_single_action


def know_the_ref(identify: Identify, claims: Callable[[str], Document]) -> Identify:
    """Stand in for the branch that GitHub's token of a job names, a condition key of STS that MiniStack lacks.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
    """

    def identify_and_know_the_ref(token: str, provider: str, role_arn: str) -> tuple[str, Document]:
        principal, keys = identify(token, provider, role_arn)
        ref = claims(token).get("ref") if keys else None
        issuer = principal.partition("/")[2]
        return principal, keys | ({f"{issuer}:ref": ref} if ref else {})

    return identify_and_know_the_ref


def describe_whole_alarms(describe: DescribeAlarms, answer: Callable[[int, str, str], Response]) -> DescribeAlarms:
    """Stand in for most of what an alarm is, which MiniStack leaves out of its answer to Terraform's kind of request.

    Its answers in JSON have it all, so one of these is put into XML: as a list has its members in the Query protocol,
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


def queue_metrics(queues: Mapping[str, Document], now: float) -> Iterator[DataPoint]:
    """Stand in for the metrics that SQS itself publishes, of which MiniStack has none.

    A message that comes again and again has no age, and an empty queue neither:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    for queue in queues.values():
        messages = list(queue["messages"])
        waiting = [message for message in messages if message["visible_at"] <= now]
        ages = [now - one["sent_at"] for one in messages if one["receive_count"] < _RECEIVES_OF_A_POISON_PILL]
        figures = {"ApproximateNumberOfMessagesVisible": float(len(waiting))}
        if ages:
            figures["ApproximateAgeOfOldestMessage"] = max(ages)
        for name, figure in figures.items():
            yield DataPoint("AWS/SQS", name, {"QueueName": queue["name"]}, now, (figure,))


def keep_connections(config: type) -> None:
    """Leave it to the clients to end their connections, whatever is set on a configuration later.

    The server ends one with its thousandth answer, or once it was idle for 75 s, even where a request has just come and
    is being answered. A client that misses the answer asks again, and what it asked to create is there already: as now
    and then in an apply, whose waits for SQS take 25 s each.
    """
    for limit in ("keep_alive_max_requests", "keep_alive_timeout"):
        setattr(config, limit, property(lambda _: _NEVER, lambda _, __: None))


def send_head_with_body(send: Send, head: type) -> Send:
    """Send the head of each reply together with what follows it.

    Once the SDK for Go has a head, it closes the body of its request. If net/http has sent that body, but not looked
    for its end yet, it takes the closed body for a failure and ends the connection. What comes of the reply after that
    is lost, and the SDK asks again: https://github.com/aws/aws-sdk-go-v2/issues/1825. AWS is too far away for that.
    The client reads 4 KB at once, so it has a short reply whole by then, and whatever changes anything is answered
    with a short one.
    """
    heads: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()

    def send_whole(connection: Any, part: Any) -> bytes:  # noqa: ANN401 - h11's own, which only the emulator has
        sent = send(connection, part)
        if isinstance(part, head):
            heads[connection] = sent
            return b""
        return heads.pop(connection, b"") + sent

    return send_whole


def main() -> None:
    import h11  # noqa: PLC0415 - only the emulator's interpreter has it
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app  # noqa: PLC0415
    from ministack.core import iam_actions  # noqa: PLC0415
    from ministack.services import cloudwatch, cognito, dynamodb, lambda_svc, sqs, sts  # noqa: PLC0415

    lock = threading.Lock()

    def reports_item_failures(function: Document, event: Document) -> bool:
        name = (function.get("config") or function).get("FunctionName")
        stream = event["Records"][0].get("eventSourceARN")
        return any(
            mapping["EventSourceArn"] == stream
            and mapping["FunctionName"] == name
            and "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
            for _, _, mapping in lambda_svc._iter_all_esms()  # noqa: SLF001 - there is no public way in
        )

    def store(points: Sequence[DataPoint]) -> None:
        with lock:
            for point in points:
                key = (point.namespace, point.name, cloudwatch._dims_key(dict(point.dimensions)))  # noqa: SLF001
                add_to_minute(cloudwatch._metric_bucket(key), point)  # noqa: SLF001

    def publish_queue_metrics() -> None:
        while True:
            time.sleep(_QUEUE_METRICS_SECONDS)
            store(list(queue_metrics(dict(sqs._queues.items()), time.time())))  # noqa: SLF001

    lambda_svc._execute_function = retry_failed_stream_records(  # noqa: SLF001
        lambda_svc._execute_function,  # noqa: SLF001
        reports_item_failures,
    )
    lambda_svc._execute_function_with_config_scope = few_at_once(lambda_svc._execute_function_with_config_scope)  # noqa: SLF001
    dynamodb.esm_wake = threading.Event()
    lambda_svc._poll_dynamodb_streams = poll_apart(lambda_svc._poll_dynamodb_streams, dynamodb.esm_wake)  # noqa: SLF001
    # The queues' poller rests after a wake that found nothing, such as a batch's end before its events have come.
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0  # noqa: SLF001
    lambda_svc._emit_lambda_logs = extract_metrics(lambda_svc._emit_lambda_logs, store)  # noqa: SLF001
    cloudwatch._evict_old_metrics = alone(cloudwatch._evict_old_metrics, lock)  # noqa: SLF001
    cloudwatch._get_metric_data = alone(cloudwatch._get_metric_data, lock)  # noqa: SLF001
    cloudwatch._describe_alarms = describe_whole_alarms(cloudwatch._describe_alarms, cloudwatch._xml)  # noqa: SLF001
    dynamodb._partiql_insert = stream_inserts(dynamodb._partiql_insert, dynamodb._emit_stream_event)  # noqa: SLF001
    iam_actions.dynamodb_transaction_checks = check_statements(iam_actions.dynamodb_transaction_checks)
    iam_actions.extract_iam_action = single_actions(iam_actions.extract_iam_action)
    sts._web_identity_principal = know_the_ref(  # noqa: SLF001
        sts._web_identity_principal,  # noqa: SLF001
        cognito._decode_id_token_unverified,  # noqa: SLF001
    )
    keep_connections(Config)
    h11.Connection.send = send_head_with_body(h11.Connection.send, h11.Response)
    threading.Thread(target=publish_queue_metrics, daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
