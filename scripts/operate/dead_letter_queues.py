"""Read the dead-letter queues, and move messages back to the queues that they came from."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.progress import track

from scripts.cli.console import err, out, print_table, table
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.dead_letters import DeadLetter

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

_MESSAGES_PER_CALL = 10
_WAIT_SECONDS = 1
# Time to go through a long queue; for as long a killed process leaves messages hidden.
_HIDDEN_SECONDS = 15 * 60

_ALWAYS = "mend the cause, which `invoke dlq-list` names"
_INSTEAD = {
    "relay": "publish again what it gave up with `invoke recover.relay-catchup --since TIME`; "
    "`invoke dlq-list` names the time",
    "bus": "make the key usable, publish again with `invoke recover.relay-catchup --since TIME`, and have the "
    "producers send again; `invoke dlq-list` names the cause",
    "sweep": "mend the cause, and the next sweep takes up what that one left; `invoke dlq-list` names the cause",
}


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    name: str
    url: str
    source_url: str | None = None

    @property
    def full_name(self) -> str:
        return self.url.rpartition("/")[2]


def queues(deployment: Deployment) -> tuple[DeadLetterQueue, ...]:
    sources = {queue.dead_letters: queue.url for queue in deployment.queues.values()}
    return tuple(DeadLetterQueue(name, queue.url, sources.get(name)) for name, queue in deployment.dead_letters.items())


class QueueReading:
    """One pass over a queue: each message is met once and hidden meanwhile; closing makes them visible again."""

    def __init__(self, client: "SQSClient", queue: DeadLetterQueue) -> None:
        self.queue = queue
        self._client = client
        self._hidden: dict[str, str] = {}
        self._met: set[str] = set()
        self._sent: set[str] = set()
        self._given = 0
        self._began = datetime.now(UTC)
        self.count = self._approximate_count()

    def letters(self) -> Iterator[DeadLetter]:
        """Read until no message comes, or only messages that were sent since the reading began.

        So it ends although others arrive. A message that this reading moved and that comes back is not given again.
        """
        while messages := self._receive():
            self._hidden |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            fresh = [letter for letter in map(DeadLetter.of, messages) if letter.message_id not in self._met]
            self._met.update(letter.message_id for letter in fresh)
            others = [letter for letter in fresh if not self._came_back(letter)]
            for letter in others:
                self._given += 1
                yield letter
            if fresh and others == fresh and all(letter.sent_at > self._began for letter in fresh):
                break

    @property
    def left(self) -> int:
        """How many messages were there and not given, by the count of SQS."""
        return max(0, self.count - self._given)

    def move(self, letter: DeadLetter, queue_url: str) -> None:
        # Sent, then deleted: an interruption in between leaves a copy in both queues, which consumers ignore; the other
        # way round it would lose the message. One by one: an interrupted batch would leave ten copies.
        sent = self._client.send_message(
            QueueUrl=queue_url, MessageBody=letter.body, MessageAttributes=letter.own_attributes
        )
        self._sent.add(sent["MessageId"])
        self._client.delete_message(QueueUrl=self.queue.url, ReceiptHandle=self._hidden[letter.message_id])
        del self._hidden[letter.message_id]

    def close(self) -> None:
        receipts = list(self._hidden.values())
        failed = 0
        for start in range(0, len(receipts), _MESSAGES_PER_CALL):
            response = self._client.change_message_visibility_batch(
                QueueUrl=self.queue.url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for number, receipt in enumerate(receipts[start : start + _MESSAGES_PER_CALL])
                ],
            )
            failed += len(response.get("Failed", []))
        if failed:
            err.print(
                f"{self.queue.full_name}: {failed} messages could not be made visible again at once;"
                f" SQS does so by itself within {_HIDDEN_SECONDS // 60} minutes"
            )

    def _approximate_count(self) -> int:
        """The count of SQS, hidden messages too; it may be a minute old."""
        response = self._client.get_queue_attributes(
            QueueUrl=self.queue.url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(map(int, response["Attributes"].values()))

    def _receive(self) -> "list[MessageTypeDef]":
        # Without a wait SQS asks only some of its servers, and an empty answer would not mean an empty queue.
        return self._client.receive_message(
            QueueUrl=self.queue.url,
            MaxNumberOfMessages=_MESSAGES_PER_CALL,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])

    def _came_back(self, letter: DeadLetter) -> bool:
        """Whether this reading moved the message: SQS keeps its id, a service that rejects it names the id it had."""
        return not self._sent.isdisjoint({letter.message_id, letter.attribute("message_id")})


class MessageSummary(NamedTuple):
    """One message, without its body."""

    sent_at: datetime
    message_id: str
    order_id: str
    event_type: str


@dataclass(slots=True)
class Group:
    """The messages of one cause; `oldest` stands for them."""

    oldest: DeadLetter
    messages: list[MessageSummary] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.messages)


@dataclass(slots=True)
class QueueSummary:
    """A queue's messages by cause; `unseen` counts messages hidden or taken by others, or counted wrongly by SQS."""

    groups: dict[str, Group] = field(default_factory=dict)
    unseen: int = 0


@dataclass(slots=True)
class Moves:
    """How many messages were moved and not; `left` were not read, for the limit or because they were hidden."""

    moved: int = 0
    permanent: int = 0
    left: int = 0


def summarise(client: "SQSClient", queue: DeadLetterQueue) -> QueueSummary:
    summary = QueueSummary()
    with closing(QueueReading(client, queue)) as reading:
        for letter in _with_progress(reading):
            cause, _ = letter.explain()
            group = summary.groups.setdefault(cause, Group(letter))
            group.messages.append(MessageSummary(letter.sent_at, letter.message_id, letter.order_id, letter.event_type))
            group.oldest = min(group.oldest, letter, key=lambda each: each.sent_at)
        summary.unseen = reading.left
    return summary


def move_back(
    client: "SQSClient",
    queue: DeadLetterQueue,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    include_permanent: bool = False,
) -> Moves:
    """Move messages to the queue that they came from; `dry_run` only counts them."""
    if queue.source_url is None:
        instead = _INSTEAD.get(queue.name, _ALWAYS)
        raise UserError(f"{queue.full_name} has no queue to move its messages back to: {instead}")
    moves = Moves()
    with closing(QueueReading(client, queue)) as reading:
        for letter in _with_progress(reading):
            if letter.is_permanent and not include_permanent:
                moves.permanent += 1
            else:
                if not dry_run:
                    reading.move(letter, queue.source_url)
                moves.moved += 1
            if moves.moved == limit:
                break
        moves.left = reading.left
    return moves


def redrive(target: Target, *, queue: str | None, limit: int | None, dry_run: bool, include_permanent: bool) -> None:
    """Move dead letters back to their queues, of one queue or of all, at most `limit` of each; print how many."""
    client = target.client("sqs")
    numbers = ("would be moved" if dry_run else "moved", "skipped as permanent", "left")
    shown = table("queue", *numbers, numbers=numbers)
    for chosen in _chosen(queues(Deployment.of(target)), queue):
        moves = move_back(client, chosen, limit=limit, dry_run=dry_run, include_permanent=include_permanent)
        shown.add_row(chosen.full_name, *map(str, (moves.moved, moves.permanent, moves.left)))
    print_table(shown)


def _chosen(known: Sequence[DeadLetterQueue], name: str | None) -> list[DeadLetterQueue]:
    chosen = [queue for queue in known if (queue.source_url if name is None else queue.name == name)]
    if not chosen:
        usable = ", ".join(queue.name for queue in known if queue.source_url)
        raise UserError(f"there is no queue {name!r}: use one of {usable}")
    return chosen


def _with_progress(reading: QueueReading) -> Iterable[DeadLetter]:
    disable = not out.is_terminal
    total = reading.count or None
    return track(reading.letters(), reading.queue.full_name, total, console=out, transient=True, disable=disable)
