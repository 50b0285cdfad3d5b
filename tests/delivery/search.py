"""Search everything that a deployment keeps and answers for words, in the clear and as base64."""

import base64
import gzip
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from scripts.deploy.generated_secrets import METRICS_TOKEN, required
from tests.integration.world import World

_ALIGNMENTS = 3
_TIMEOUT_SECONDS = 30

Texts = Iterable[bytes]


def has(text: bytes, word: str) -> bool:
    """Whether the word is there: in upper or lower case, or in base64 as it is or in lower case."""
    spellings = {word.encode(), word.lower().encode()}
    encoded = (_inside_base64(one, at) for one in spellings for at in range(_ALIGNMENTS))
    return word.lower().encode() in text.lower() or any(one in text for one in encoded)


def _inside_base64(raw: bytes, alignment: int) -> bytes:
    """Without the first and last characters, which depend on what is before and after it."""
    first = -(-alignment * 8 // 6)
    whole = (alignment + len(raw)) * 8 // 6
    return base64.b64encode(bytes(alignment) + raw)[first:whole]


class Search:
    def __init__(self, world: World) -> None:
        self._world = world
        self._target = world.target
        self._places: Mapping[str, Callable[[], Texts]] = {
            "tables": self._tables,
            "streams": self._streams,
            "archives": self._archives,
            "queues": self._queues,
            "logs": self._logs,
            "metrics": self._metrics,
            "user pool": self._users,
            "log of the embedded AWS": lambda: [self._target.emulator.log_file.read_bytes()],
            "state of Terraform": self._buckets,
        }

    def found(self, words: Collection[str], **others: Texts) -> dict[str, set[str]]:
        """The words that are anywhere, by the place; `others` are further places. Nowhere may there be nothing."""
        found: dict[str, set[str]] = {}
        for place, texts in {**{name: look() for name, look in self._places.items()}, **others}.items():
            read = list(texts)
            assert any(read), f"nothing was searched in {place}"
            found[place] = {word for word in words if any(has(text, word) for text in read)}
        return {place: there for place, there in found.items() if there}

    def _tables(self) -> Texts:
        with self._raw("dynamodb") as (client, bodies):
            for name in client.list_tables()["TableNames"]:
                _all_pages(client, "scan", TableName=name, ConsistentRead=True)
        return bodies

    def _streams(self) -> Texts:
        with self._raw("dynamodbstreams") as (client, bodies):
            for stream in client.list_streams()["Streams"]:
                arn = stream["StreamArn"]
                for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
                    start = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
                    iterator = client.get_shard_iterator(**start)["ShardIterator"]
                    while iterator:
                        page = client.get_records(ShardIterator=iterator)
                        iterator = page.get("NextShardIterator") if page["Records"] else None
        return bodies

    def _archives(self) -> Texts:
        """The embedded AWS describes an archive with all of its events."""
        with self._raw("events") as (client, bodies):
            for archive in client.list_archives()["Archives"]:
                client.describe_archive(ArchiveName=archive["ArchiveName"])
        assert any(b"OrderPlaced" in body for body in bodies), "the archives came without their events"
        return bodies

    def _queues(self) -> Texts:
        """All messages, dead letters too: the embedded AWS shows them to nobody's loss."""
        return [self._get(f"{self._target.endpoint_url}/_ministack/sqs/messages")]

    def _logs(self) -> Texts:
        with self._raw("logs") as (client, bodies):
            for group in client.describe_log_groups()["logGroups"]:
                _all_pages(client, "filter_log_events", logGroupName=group["logGroupName"])
        return bodies

    def _metrics(self) -> Texts:
        with self._raw("cloudwatch") as (client, bodies):
            _all_pages(client, "list_metrics")
        token = required(self._target, METRICS_TOKEN)
        return [*bodies, self._get(self._world.deployment.metrics_url(self._target), token)]

    def _users(self) -> Texts:
        with self._raw("cognito-idp") as (client, bodies):
            _all_pages(client, "list_users", UserPoolId=self._world.deployment.user_pool.id)
        return bodies

    def _buckets(self) -> Iterator[bytes]:
        client: Any = self._target.client("s3")
        for bucket in client.list_buckets()["Buckets"]:
            for item in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                yield client.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()

    def _get(self, url: str, token: str = "") -> bytes:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = requests.get(url, headers=headers, timeout=_TIMEOUT_SECONDS)
        assert response.ok, f"{url}: {response.status_code}"
        return response.content

    @contextmanager
    def _raw(self, service: str) -> Iterator[tuple[Any, list[bytes]]]:
        """A client, and all that it is answered, word for word: what botocore does not know of it too."""
        session: Any = self._target.session()
        client = session.client(service, endpoint_url=self._target.endpoint_url)
        bodies: list[bytes] = []
        client.meta.events.register("before-parse", lambda response_dict, **_: bodies.append(response_dict["body"]))
        yield client, bodies
        client.close()


def files(folder: Path) -> Iterator[bytes]:
    """What the files of a folder say, unpacked."""
    for path in sorted(folder.rglob("*")):
        yield gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _all_pages(client: Any, operation: str, **request: object) -> None:  # noqa: ANN401 - of any service
    for _ in client.get_paginator(operation).paginate(**request):
        pass
