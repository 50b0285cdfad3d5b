import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from services.libs.observability.metrics import DECLARATIONS
from services.libs.runtime import aws_clients
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse
from services.libs.store.dynamodb_items import to_item
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service import handler as metrics_handler
from services.metrics_service.checkpoints import Checkpoints
from services.metrics_service.cloudwatch_reader import CloudWatchReader
from services.metrics_service.domain import MinuteSums
from services.metrics_service.exposition import Page, Values
from services.metrics_service.gauges import QueueGauges
from services.metrics_service.service import MetricsService
from services.shared.counters import counter
from services.shared.faults import DependencyError, SecondsLeft
from tests.factories import NOW, Context, decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import INVENTORY_TABLE, METRICS_TABLE, REGION, Aws

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient

_MINUTE = timedelta(minutes=1)
_FUNCTIONS = ("order-service", "event-relay")
_REQUESTS = {"function_name": "order-service", "status": "success"}
CloudWatch: TypeAlias = "CloudWatchClient"
NewService = Callable[..., MetricsService]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def cloudwatch(aws: Aws) -> CloudWatch:  # noqa: ARG001
    return boto3.client("cloudwatch", region_name=REGION)


@pytest.fixture
def new_service(aws: Aws, cloudwatch: CloudWatch) -> NewService:
    def new(reader: CloudWatchReader | None = None, refresh: timedelta = _MINUTE) -> MetricsService:
        return MetricsService(
            Checkpoints(aws.dynamodb, METRICS_TABLE),
            reader or CloudWatchReader(cloudwatch, "test", _FUNCTIONS, {"order-queue": "test-order-queue"}),
            LedgerCounters(aws.dynamodb, METRICS_TABLE),
            (),
            refresh,
        )

    return new


def _emit(cloudwatch: CloudWatch, name: str, value: float, labels: Mapping[str, str] = {}, at: datetime = NOW) -> None:
    labels = {"environment": "test", **labels}
    cloudwatch.put_metric_data(
        Namespace="PulseQueue",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": label, "Value": text} for label, text in labels.items()],
                "Timestamp": at,
                "Value": value,
            }
        ],
    )


def _samples(service: MetricsService, now: datetime) -> Samples:
    return _rendered(service.read(now))


def _rendered(values: Values) -> Samples:
    return _parsed(Page(values, _FUNCTIONS).render("")[1])


def _parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def _sample(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


class _BrokenReader(CloudWatchReader):
    def sums(self, *_: object) -> dict[str, MinuteSums]:
        raise ClientError({"Error": {"Code": "Throttling", "Message": "later"}}, "GetMetricData")


def test_every_series_is_there_at_0_before_its_first_event(new_service: NewService) -> None:
    samples = _samples(new_service(), NOW)

    for name, declaration in DECLARATIONS.items():
        for values in declaration.label_sets(_FUNCTIONS):
            labels = dict(zip(declaration.labels, values, strict=True))
            is_histogram = next(iter(declaration.metric.describe())).type == "histogram"
            if name.endswith("_timestamp_seconds"):
                assert _sample(samples, name) == NOW.timestamp()
            else:
                assert _sample(samples, f"{name}_count" if is_histogram else name, **labels) == 0


def test_a_counter_is_what_cloudwatch_added_up(new_service: NewService, cloudwatch: CloudWatch) -> None:
    for _ in range(3):
        _emit(cloudwatch, "lambda_requests_total", 2, _REQUESTS)
    _emit(cloudwatch, "lambda_requests_total", 9, {**_REQUESTS, "status": "error"})
    service = new_service()

    assert _sample(_samples(service, NOW), "lambda_requests_total", **_REQUESTS) == 6

    _emit(cloudwatch, "lambda_requests_total", 4, _REQUESTS, at=NOW + _MINUTE)
    assert _sample(_samples(service, NOW + _MINUTE), "lambda_requests_total", **_REQUESTS) == 10


def test_a_histogram_has_its_real_buckets(new_service: NewService, cloudwatch: CloudWatch) -> None:
    for bound, count in {"0_005": 1, "0_1": 1, "10_0": 1}.items():
        _emit(cloudwatch, f"order_processing_duration_seconds_bucket_le_{bound}", count)
    _emit(cloudwatch, "order_processing_duration_seconds_count", 4)
    _emit(cloudwatch, "order_processing_duration_seconds_sum", 40.5)

    samples = _samples(new_service(), NOW)

    name = "order_processing_duration_seconds"
    assert _sample(samples, f"{name}_bucket", le="0.005") == 1
    assert _sample(samples, f"{name}_bucket", le="0.05") == 1
    assert _sample(samples, f"{name}_bucket", le="0.1") == 2
    assert _sample(samples, f"{name}_bucket", le="10.0") == 3
    assert _sample(samples, f"{name}_bucket", le="+Inf") == 4
    assert (_sample(samples, f"{name}_count"), _sample(samples, f"{name}_sum")) == (4, 40.5)


def test_the_tickets_that_wait_are_those_that_the_counters_of_the_page_leave(new_service: NewService, aws: Aws) -> None:
    steps = {"created": 6, "reopened": 2, "resolved": 4, "closed": 3, "closed_unresolved": 1}
    counted = {counter("support_tickets_total", status=status): count for status, count in steps.items()}
    aws.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "counters#1", "writes": 1, **counted}))

    values = new_service(refresh=timedelta(hours=1)).read(NOW)

    samples = _rendered(values)
    assert _sample(samples, "support_tickets_waiting") == 6 + 2 - 4 - 1
    assert _sample(samples, "support_tickets_total", status="closed") == 3


def test_cloudwatch_is_asked_once_a_minute_however_many_scrape(new_service: NewService, cloudwatch: CloudWatch) -> None:
    asked: list[object] = []
    cloudwatch.meta.events.register("before-call.cloudwatch.GetMetricData", lambda **_: asked.append(1))
    first, second = new_service(), new_service()

    for seconds in range(0, 60, 5):
        _samples(first, NOW.replace(second=0) + timedelta(seconds=seconds))
        _samples(second, NOW.replace(second=0) + timedelta(seconds=seconds))

    sums_and_ages = 2
    assert len(asked) == sums_and_ages


def test_a_new_instance_goes_on_where_the_last_one_was(new_service: NewService, cloudwatch: CloudWatch) -> None:
    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)
    _samples(new_service(), NOW)
    later = NOW + timedelta(hours=5)
    _samples(new_service(), later)

    assert _sample(_samples(new_service(), later + _MINUTE), "lambda_requests_total", **_REQUESTS) == 6


def test_turns_of_another_length_go_on_after_those_before(new_service: NewService, cloudwatch: CloudWatch) -> None:
    _samples(new_service(), NOW)
    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)

    for refresh in (timedelta(minutes=4), timedelta(minutes=1)):
        later = NOW + timedelta(minutes=5) + refresh
        assert _sample(_samples(new_service(refresh=refresh), later), "lambda_requests_total", **_REQUESTS) == 6


def test_a_reader_that_dies_in_its_turn_takes_nothing_with_it(new_service: NewService, cloudwatch: CloudWatch) -> None:
    class DyingReader(CloudWatchReader):
        def sums(self, *_: object) -> dict[str, MinuteSums]:
            raise SystemExit

    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)
    _samples(new_service(), NOW)
    _emit(cloudwatch, "lambda_requests_total", 1, _REQUESTS)
    with pytest.raises(SystemExit):
        _samples(new_service(DyingReader(cloudwatch, "test", _FUNCTIONS, {})), NOW + _MINUTE)

    in_its_turn = _samples(new_service(), NOW + _MINUTE)
    in_the_next = _samples(new_service(), NOW + 2 * _MINUTE)

    assert _sample(in_its_turn, "lambda_requests_total", **_REQUESTS) == 6
    assert _sample(in_the_next, "lambda_requests_total", **_REQUESTS) == 7


def test_a_folding_that_fails_costs_no_reading(
    new_service: NewService, cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise ClientError({"Error": {"Code": "Throttling", "Message": "later"}}, "Scan")

    monkeypatch.setattr(LedgerCounters, "fold", broken)
    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)

    samples = _samples(new_service(), NOW)

    assert _sample(samples, "lambda_requests_total", **_REQUESTS) == 6
    assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == 0


def test_a_cloudwatch_fault_shows_the_last_good_values_and_is_counted(
    new_service: NewService, cloudwatch: CloudWatch
) -> None:
    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)
    _samples(new_service(), NOW)
    broken = new_service(_BrokenReader(cloudwatch, "test", _FUNCTIONS, {}))

    for minute in (1, 2):
        samples = _samples(broken, NOW + minute * _MINUTE)

        assert _sample(samples, "lambda_requests_total", **_REQUESTS) == 6
        assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == minute
        assert _sample(samples, "pulsequeue_metrics_last_refresh_timestamp_seconds") == NOW.timestamp()


def test_a_cloudwatch_that_hangs_leaves_the_time_for_a_page_of_the_last_good_values(
    new_service: NewService, cloudwatch: CloudWatch
) -> None:
    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)
    _samples(new_service(), NOW)
    hanging = aws_clients.cloudwatch()
    config = vars(hanging.meta.config)
    seconds_left = [20.0]

    def hang(**_: object) -> None:
        seconds_left[0] -= config["connect_timeout"] + config["read_timeout"]
        raise ReadTimeoutError(endpoint_url="https://monitoring")

    hanging.meta.events.register("before-send.cloudwatch.GetMetricData", hang)
    service = new_service(CloudWatchReader(hanging, "test", _FUNCTIONS, {"order-queue": "test-order-queue"}))

    samples = _rendered(service.read(NOW + _MINUTE, lambda: seconds_left[0]))

    assert seconds_left[0] > 8
    assert _sample(samples, "lambda_requests_total", **_REQUESTS) == 6
    assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == 1


class _HourlyReader(CloudWatchReader):
    """Knows of one request at every full hour; each call takes a time of its own, and may fail."""

    def __init__(self, call_seconds: float = 0, seconds_left: float = 20, good_calls: int = 100) -> None:
        super().__init__(aws_clients.cloudwatch(), "test", _FUNCTIONS, {})
        self.seconds_left = seconds_left
        self._call_seconds = call_seconds
        self._good_calls = good_calls

    def sums(self, since: datetime, until: datetime, _: SecondsLeft) -> dict[str, MinuteSums]:
        self.seconds_left -= self._call_seconds
        self._good_calls -= 1
        if self._good_calls < 0:
            raise DependencyError("too slow")
        hours = range(-(-int(since.timestamp()) // 3600) * 3600, int(until.timestamp()), 3600)
        return {counter("lambda_requests_total", **_REQUESTS): dict.fromkeys(hours, 1.0)}


_BREAK = timedelta(hours=60)


@pytest.fixture
def requests_before(new_service: NewService) -> float:
    return _sample(_samples(new_service(_HourlyReader()), NOW), "lambda_requests_total", **_REQUESTS)


def test_the_first_page_after_a_break_of_days_has_all_of_it(new_service: NewService, requests_before: float) -> None:
    samples = _samples(new_service(_HourlyReader()), NOW + _BREAK)

    assert _sample(samples, "lambda_requests_total", **_REQUESTS) == requests_before + 60
    assert _sample(samples, "pulsequeue_metrics_last_refresh_timestamp_seconds") == (NOW + _BREAK).timestamp()


def test_a_page_after_a_break_of_days_has_what_there_was_time_for(
    new_service: NewService, requests_before: float
) -> None:
    reader = _HourlyReader(call_seconds=3)

    samples = _rendered(new_service(reader).read(NOW + _BREAK, lambda: reader.seconds_left))

    assert reader.seconds_left >= 8
    assert requests_before + 12 <= _sample(samples, "lambda_requests_total", **_REQUESTS) < requests_before + 60
    assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == 0


def test_a_fault_while_catching_up_takes_nothing_back(new_service: NewService, requests_before: float) -> None:
    samples = _samples(new_service(_HourlyReader(good_calls=2)), NOW + _BREAK)

    assert _sample(samples, "lambda_requests_total", **_REQUESTS) >= requests_before + 11
    assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == 1


def test_of_two_that_read_at_once_one_saves_and_both_show_it(
    new_service: NewService, cloudwatch: CloudWatch, aws: Aws
) -> None:
    _emit(cloudwatch, "lambda_requests_total", 6, _REQUESTS)
    other = new_service()

    class SlowReader(CloudWatchReader):
        def sums(self, since: datetime, until: datetime, seconds_left: SecondsLeft) -> dict[str, MinuteSums]:
            found = super().sums(since, until, seconds_left)
            _emit(cloudwatch, "lambda_requests_total", 1, _REQUESTS)
            _samples(other, NOW + _MINUTE)
            return found

    samples = _samples(new_service(SlowReader(cloudwatch, "test", _FUNCTIONS, {})), NOW)

    assert _sample(samples, "lambda_requests_total", **_REQUESTS) == 7
    checkpoint = Checkpoints(aws.dynamodb, METRICS_TABLE).read()
    assert checkpoint is not None
    assert checkpoint.version == 1


def test_a_queues_messages_are_all_that_are_in_it_those_in_flight_and_those_delayed_too(aws: Aws) -> None:
    for delay_seconds in (0, 0, 0, 60):
        aws.sqs.send_message(QueueUrl=aws.order_queue_url, MessageBody="a", DelaySeconds=delay_seconds)
    aws.sqs.receive_message(QueueUrl=aws.order_queue_url, MaxNumberOfMessages=1)

    gauges = QueueGauges(aws.sqs, {"order-queue": aws.order_queue_url, "order-dlq": aws.dead_letter_queue_url}).read()

    assert gauges == {"queue_messages": {"order-queue": 4}, "dead_letters": {"order-dlq": 0}}


def test_the_age_of_the_oldest_message_is_that_of_its_queue(new_service: NewService, cloudwatch: CloudWatch) -> None:
    for minutes, age in ((2, 50.0), (1, 70.0)):
        cloudwatch.put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": "test-order-queue"}],
                    "Timestamp": NOW - minutes * _MINUTE,
                    "Value": age,
                }
            ],
        )

    samples = _samples(new_service(), NOW)

    assert _sample(samples, "queue_oldest_message_age_seconds", queue="order-queue") == 70


@pytest.mark.usefixtures("environment")
class TestEndpoint:
    @pytest.fixture(autouse=True)
    def _deployed(self, aws: Aws, environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG002 - it comes first
        urls = {
            name: aws.sqs.create_queue(QueueName=f"test-{name}")["QueueUrl"] for name in ("order-queue", "order-dlq")
        }
        monkeypatch.setenv("MEASURED_QUEUE_URLS", json.dumps(urls))
        monkeypatch.setenv("FUNCTIONS", json.dumps(_FUNCTIONS))
        monkeypatch.setenv("METRICS_TOKEN_PARAMETER", "/test/metrics-token")
        monkeypatch.setenv("REFRESH_SECONDS", "60")
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        self.ssm = boto3.client("ssm", region_name=REGION)
        self.ssm.put_parameter(Name="/test/metrics-token", Value="secret", Type="SecureString")
        self.urls = urls
        metrics_handler._application.cache_clear()  # noqa: SLF001
        yield
        metrics_handler._application.cache_clear()  # noqa: SLF001

    def _get(
        self,
        authorization: str | None = "Bearer secret",
        accept: str = "text/plain",
        seconds_left: int = 20,
        cache_control: str = "",
    ) -> HttpResponse:
        headers = {"accept": accept, "cache-control": cache_control} | (
            {"authorization": authorization} if authorization else {}
        )
        return metrics_handler.handler(HttpRequest(headers=headers), Context(seconds_left * 1000))

    @pytest.mark.parametrize(
        "authorization",
        [None, "", "secret", "Bearer", "Bearer wrong", "Basic secret", "Bearer secretsecret", "Bearer ü"],
    )
    def test_nobody_reads_without_the_token(self, authorization: str | None) -> None:
        response = self._get(authorization)

        assert response["statusCode"] == 401
        assert response["headers"]["www-authenticate"] == "Bearer"
        assert "orders_processed" not in response["body"]

    def test_the_token_is_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[tuple[bytes, bytes]] = []

        def spy(given: bytes, right: bytes) -> bool:
            compared.append((given, right))
            return given == right

        monkeypatch.setattr(hmac, "compare_digest", spy)

        assert self._get("Bearer wrong")["statusCode"] == 401
        assert self._get("Bearer secret")["statusCode"] == 200
        assert compared == [(b"wrong", b"secret"), (b"secret", b"secret")]

    def test_ledger_stock_and_queues_are_on_the_page(self, aws: Aws) -> None:
        aws.store.append(seeding(stock=10))
        aws.store.append(decide(placed_order(quantities={"prod-001": 2}), inventory(stock_item(stock=10))))
        aws.sqs.send_message(QueueUrl=self.urls["order-queue"], MessageBody="a")
        aws.sqs.send_message(QueueUrl=self.urls["order-dlq"], MessageBody="a")

        samples = _parsed(self._get()["body"])

        assert _sample(samples, "orders_processed_total", status="success", error_type="none") == 1
        assert _sample(samples, "orders_processed_total", status="error", error_type="unknown_sku") == 0
        assert _sample(samples, "stock_quantity", sku="prod-001") == 10
        assert _sample(samples, "stock_reserved", sku="prod-001") == 2
        assert _sample(samples, "queue_messages", queue="order-queue") == 1
        assert _sample(samples, "dead_letters", queue="order-dlq") == 1

    def test_an_inventory_item_that_cannot_be_read_is_left_out_logged_and_counted(
        self, aws: Aws, capsys: pytest.CaptureFixture[str]
    ) -> None:
        aws.store.append(seeding("prod-001", stock=10))
        for sku in ("broken-1", "broken-2"):
            aws.dynamodb.put_item(TableName=INVENTORY_TABLE, Item=to_item({"item_id": sku, "stock": 5}))

        response = self._get()

        samples = _parsed(response["body"])
        assert response["statusCode"] == 200
        assert [labels for name, labels in samples if name == "stock_quantity"] == [(("sku", "prod-001"),)]
        assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == 1
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        unread = [line["sku"] for line in lines if line.get("message") == "inventory item cannot be read"]
        assert sorted(unread) == ["broken-1", "broken-2"]

    def test_readers_share_a_page_unless_they_ask_for_a_new_one(self, aws: Aws) -> None:
        self._get()
        aws.store.append(seeding(stock=10))

        shared, new = (self._get(cache_control=asked)["body"] for asked in ("", "no-cache"))

        assert ("stock_quantity", (("sku", "prod-001"),)) not in _parsed(shared)
        assert _sample(_parsed(new), "stock_quantity", sku="prod-001") == 10
        assert self._get()["body"] == new

    def test_each_function_that_is_deployed_has_its_series_before_it_is_called(self) -> None:
        samples = _parsed(self._get()["body"])

        labels = {dict(labels).get("function_name") for name, labels in samples if name == "lambda_requests_total"}
        assert labels == set(_FUNCTIONS)

    def test_the_page_comes_in_the_form_that_is_asked_for(self) -> None:
        text = self._get()
        openmetrics = self._get(accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")

        assert text["headers"]["content-type"].startswith("text/plain; version=0.0.4")
        assert openmetrics["headers"]["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        assert openmetrics["body"].endswith("# EOF\n")
        families = parse_openmetrics(openmetrics["body"])  # type: ignore[no-untyped-call]
        assert {family.name for family in families} == {name.removesuffix("_total") for name in DECLARATIONS}

    @pytest.mark.parametrize(("seconds_left", "errors"), [(20, 0), (13, 1)])
    def test_cloudwatch_is_asked_while_the_function_has_the_time(self, seconds_left: int, errors: int) -> None:
        samples = _parsed(self._get(seconds_left=seconds_left)["body"])

        assert _sample(samples, "pulsequeue_metrics_refresh_errors_total") == errors

    def test_a_page_that_cannot_be_whole_is_none(self, aws: Aws) -> None:
        aws.dynamodb.delete_table(TableName=INVENTORY_TABLE)

        response = self._get()

        assert response["statusCode"] == 503
        assert response["body"] == "the metrics cannot be read now\n"

    def test_where_there_is_no_token_it_says_how_to_make_one(self) -> None:
        self.ssm.delete_parameter(Name="/test/metrics-token")

        response = self._get()

        assert response["statusCode"] == 503
        assert "invoke monitor.token" in response["body"]

    def test_a_new_token_is_known_after_a_minute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._get()
        self.ssm.put_parameter(Name="/test/metrics-token", Value="new", Type="SecureString", Overwrite=True)
        assert self._get("Bearer new")["statusCode"] == 401

        parameters = metrics_handler._application().token._parameters  # noqa: SLF001
        monkeypatch.setattr(parameters, "_clock", lambda: float("inf"))

        assert self._get("Bearer new")["statusCode"] == 200
        assert self._get("Bearer secret")["statusCode"] == 401
