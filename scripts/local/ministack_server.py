"""The embedded AWS's own process: MiniStack's main, with a stand-in for each thing of AWS that it lacks.

Run by the emulator's interpreter, which has MiniStack and boto3 and nothing of the project's own packages.
"""

import threading
import time
from collections.abc import Sequence

from scripts.local.emf import DataPoint, add_to_minute
from scripts.local.stand_ins.alarms import describe_whole_alarms
from scripts.local.stand_ins.api_requests import few_at_once
from scripts.local.stand_ins.authorizers import without_a_payload_format
from scripts.local.stand_ins.connections import keep_connections, send_head_with_body
from scripts.local.stand_ins.metrics import alone, extract_metrics, queue_metrics
from scripts.local.stand_ins.packages import only_the_runtimes_packages
from scripts.local.stand_ins.permissions import (
    check_statements,
    know_the_encryption_context,
    know_the_ref,
    single_actions,
)
from scripts.local.stand_ins.streams import poll_apart, retry_failed_stream_records, stream_inserts
from scripts.local.stand_ins.types import Document
from scripts.local.stand_ins.user_attributes import only_writable_attributes
from scripts.local.stand_ins.workers import end_idle_workers

_QUEUE_METRICS_SECONDS = 10


def main() -> None:
    import h11  # noqa: PLC0415 - only the emulator's interpreter has it
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app  # noqa: PLC0415
    from ministack.core import iam_actions, lambda_runtime  # noqa: PLC0415
    from ministack.services import apigateway, cloudwatch, cognito, dynamodb, lambda_svc, sqs, sts  # noqa: PLC0415

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

    def app_client(request: Document) -> Document:
        client_id = request.get("ClientId") or token_client(request.get("AccessToken", ""))
        pool, _ = cognito._pool_for_client(client_id)  # noqa: SLF001
        return pool["_clients"][client_id] if pool else {}

    def token_client(token: str) -> str:
        try:
            return str(cognito._decode_id_token_unverified(token).get("client_id", ""))  # noqa: SLF001
        except ValueError:
            return ""  # MiniStack itself refuses the token

    def publish_queue_metrics() -> None:
        while True:
            time.sleep(_QUEUE_METRICS_SECONDS)
            store(list(queue_metrics(dict(sqs._queues.items()), time.time())))  # noqa: SLF001

    lambda_svc._execute_function = retry_failed_stream_records(  # noqa: SLF001
        lambda_svc._execute_function,  # noqa: SLF001
        reports_item_failures,
    )
    lambda_svc._execute_function_with_config_scope = few_at_once(lambda_svc._execute_function_with_config_scope)  # noqa: SLF001
    lambda_runtime.kill_workers = end_idle_workers(lambda_runtime.kill_workers)
    lambda_runtime._PYTHON_WORKER_SCRIPT = only_the_runtimes_packages(lambda_runtime._PYTHON_WORKER_SCRIPT)  # noqa: SLF001
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
    iam_actions.request_tag_context = know_the_encryption_context(iam_actions.request_tag_context)
    sts._web_identity_principal = know_the_ref(  # noqa: SLF001
        sts._web_identity_principal,  # noqa: SLF001
        cognito._decode_id_token_unverified,  # noqa: SLF001
    )
    apigateway._create_authorizer = without_a_payload_format(apigateway._create_authorizer)  # noqa: SLF001
    cognito._run_idp_handler = only_writable_attributes(  # noqa: SLF001
        cognito._run_idp_handler,  # noqa: SLF001
        app_client,
        cognito.error_response_json,
    )
    keep_connections(Config)
    h11.Connection.send = send_head_with_body(h11.Connection.send, h11.Response)
    threading.Thread(target=publish_queue_metrics, daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
