"""The event store: append-only streams of commits, each written with the stock that it moves or not at all."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, Required, Self, TypedDict, cast

from services.libs.runtime.backoff import Backoff
from services.libs.store.commit_items import commit_from_item, commit_to_item
from services.libs.store.deadline_table import DeadlineWriter
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.libs.store.inventory_table import stock_item, stock_update
from services.libs.store.ledger_counters import CounterWriter
from services.shared.commits import Commit
from services.shared.counters import counter_increments
from services.shared.deadlines import DeadlineGroup
from services.shared.faults import DependencyError
from services.shared.inventory import StockChange, StockItem, merged
from services.shared.refusals import customer_erased

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import (
        BatchStatementRequestTypeDef,
        ConditionCheckTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
    )

_BACKOFF = Backoff(attempts=5, first_pause_seconds=0.04)
_REFUSED = "ConditionalCheckFailed"
_DUPLICATE = "DuplicateItem"
_TRANSIENT = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
# The limit of DynamoDB. The commits of so many items stay far below its 4 MB.
_MAX_ITEMS_PER_TRANSACTION = 100
_MAX_STATEMENTS_PER_CALL = 25
# Most of what is read backwards is found in one page.
_COMMITS_PER_PAGE = 25


class _CancellationReason(TypedDict, total=False):
    Code: Required[str]
    Item: Item


class Tables(NamedTuple):
    """Names of the tables that a commit may be written to."""

    event_store: str
    inventory: str
    metrics: str
    deadlines: str | None = None
    """None for a writer whose commits have no deadline."""
    customer_keys: str | None = None
    """None for a writer whose commits are no matter of erased customers."""


class Attached(NamedTuple):
    """What a commit's transaction does to, or checks of, an item of another table."""

    item: "TransactWriteItemTypeDef"
    refused: Exception
    """Raised if the item's condition does not hold."""


class VersionTakenError(Exception):
    """Another writer wrote this version first; `existing` is its commit."""

    def __init__(self, existing: Commit) -> None:
        super().__init__(f"{existing.stream_id} has a version {existing.version}")
        self.existing = existing


class StockRefusedError(Exception):
    """The inventory refused the commit; `found` has the present item of each refusing SKU, None if there is none."""

    def __init__(self, found: Mapping[str, StockItem | None]) -> None:
        super().__init__(f"refused by {', '.join(sorted(found))}")
        self.found = found


class GroupRefusedError(Exception):
    """Nothing of a group was written: `taken` has the existing commits by stream, `found` the refusing items by SKU."""

    def __init__(self, taken: Mapping[str, Commit], found: Mapping[str, StockItem | None]) -> None:
        super().__init__(f"refused by {', '.join(sorted([*taken, *found]))}")
        self.taken = taken
        self.found = found


class ContentionError(DependencyError):
    """Other transactions held the items for all attempts; nothing was written."""


class TransactionFaultError(DependencyError):
    """DynamoDB cancelled the transaction, and neither a retry nor a new decision helps: an item is too large."""


class EventStore:
    def __init__(self, client: "DynamoDBClient", tables: Tables, *, backoff: Backoff = _BACKOFF) -> None:
        self._client = client
        self._table = tables.event_store
        self._inventory = tables.inventory
        self._backoff = backoff
        self._counters = CounterWriter(tables.metrics)
        self._deadlines = DeadlineWriter(tables.deadlines) if tables.deadlines else None
        self._customer_keys = tables.customer_keys
        self._attached: tuple[Attached, ...] = ()

    def for_customer(self, customer_id: str) -> Self:
        """The same store, for commits that an erased customer can have no more: an append raises RefusedError then."""
        if self._customer_keys is None:
            raise ValueError("commits for a customer need the table of their keys, and their writer was given none")
        return self.attaching(not_erased(self._customer_keys, customer_id))

    def attaching(self, *attached: Attached) -> Self:
        """The same store, for commits that are written together with this, or not at all."""
        store = copy(self)
        store._attached = (*self._attached, *attached)  # noqa: SLF001 - it is one of its own class
        return store

    def read(self, stream_id: str) -> tuple[Commit, ...]:
        """All commits of a stream as of now, oldest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="stream_id = :stream_id",
            ExpressionAttributeValues=to_item({":stream_id": stream_id}),
            ConsistentRead=True,
        )
        return tuple(commit_from_item(item) for page in pages for item in page["Items"])

    def read_back(self, stream_id: str, until: Callable[[Commit], bool]) -> tuple[Commit, ...]:
        """The last commits of a stream as of now, oldest first, from the latest one on for which `until` is true.

        All of them if it is true for none.
        """
        commits: list[Commit] = []
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="stream_id = :stream_id",
            ExpressionAttributeValues=to_item({":stream_id": stream_id}),
            ScanIndexForward=False,
            ConsistentRead=True,
            PaginationConfig={"PageSize": _COMMITS_PER_PAGE},
        )
        for commit in (commit_from_item(item) for page in pages for item in page["Items"]):
            commits.append(commit)
            if until(commit):
                break
        return tuple(reversed(commits))

    def without_version(self, stream_ids: Sequence[str], version: int) -> list[str]:
        """The streams that do not have this version yet.

        A version never goes away. So the first read is eventually consistent, at half the price, and only the streams
        that it misses are read again as of now.
        """
        left = list(dict.fromkeys(stream_ids))
        for consistent in (False, True):
            found = self._with_version(left, version, consistent=consistent)
            left = [stream_id for stream_id in left if stream_id not in found]
        return left

    def with_version(self, stream_ids: Sequence[str], version: int) -> list[str]:
        """The streams that have this version, by an eventually consistent read: it may miss a commit of this second."""
        return sorted(self._with_version(list(dict.fromkeys(stream_ids)), version, consistent=False))

    def _with_version(self, stream_ids: Sequence[str], version: int, *, consistent: bool) -> set[str]:
        keys = [to_item({"stream_id": stream_id, "version": version}) for stream_id in stream_ids]
        items = batch_get(self._client, self._table, keys, consistent=consistent)
        return {item["stream_id"]["S"] for item in items}

    def read_versions(self, stream_ids: Sequence[str], versions: Sequence[int]) -> dict[str, tuple[Commit, ...]]:
        """These versions of each stream, oldest first, without the streams that have none of them.

        A commit never changes. So the first read is eventually consistent, at half the price, and only the streams
        whose first version it misses are read again as of now. It may miss a later version that was written a moment
        ago: the condition on the next write notices that.
        """
        found = self._read_versions(stream_ids, versions, consistent=False)
        seen = {stream for stream, commits in found.items() if commits[0].version == versions[0]}
        missed = [stream for stream in stream_ids if stream not in seen]
        return found | self._read_versions(missed, versions, consistent=True)

    def _read_versions(
        self, stream_ids: Sequence[str], versions: Sequence[int], *, consistent: bool
    ) -> dict[str, tuple[Commit, ...]]:
        keys = [to_item({"stream_id": stream, "version": version}) for stream in stream_ids for version in versions]
        found: dict[str, tuple[Commit, ...]] = {}
        items = batch_get(self._client, self._table, keys, consistent=consistent)
        for commit in sorted(map(commit_from_item, items), key=lambda commit: commit.version):
            found[commit.stream_id] = (*found.get(commit.stream_id, ()), commit)
        return found

    def latest_version(self, stream_id: str) -> int:
        """Return 0 for a stream that has no commit yet."""
        page = self._client.query(
            TableName=self._table,
            KeyConditionExpression="stream_id = :stream_id",
            ExpressionAttributeValues=to_item({":stream_id": stream_id}),
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return int(page["Items"][0]["version"]["N"]) if page["Items"] else 0

    def append(self, commit: Commit) -> None:
        """Write the commit and the stock changes it explains, all or none.

        Raises VersionTakenError, StockRefusedError, or ContentionError once its attempts are used up.
        """
        if not (commit.stock_changes() or counter_increments(commit) or commit.due_at or self._attached):
            return self._put(commit)
        try:
            self.append_group([commit])
        except GroupRefusedError as refused:
            if existing := refused.taken.get(commit.stream_id):
                raise VersionTakenError(existing) from refused
            raise StockRefusedError(refused.found) from refused

    def append_group(self, commits: Sequence[Commit]) -> None:
        """Write commits of different streams, the sum of their stock changes and their deadlines, all or none.

        `first_group` says how many fit. Raises GroupRefusedError, ContentionError or TransactionFaultError.
        """
        changes = merged(change for commit in commits for change in commit.stock_changes())
        items: list[TransactWriteItemTypeDef] = [{"Put": self._put_request(commit)} for commit in commits]
        items += [{"Update": stock_update(self._inventory, change)} for change in changes]
        items += [*self._counting(commits), *self._deadline(commits), *(one.item for one in self._attached)]
        for _ in self._backoff.tries():
            reasons = self._transact(items)
            if reasons is None:
                return
            self._raise_if_detached(reasons)
            _raise_if_final(commits, changes, reasons)
        raise ContentionError(f"{self._backoff.attempts} attempts each met another transaction")

    def insert_all(self, commits: Sequence[Commit]) -> dict[str, DependencyError]:
        """Write commits without stock, counters or deadline, each by itself; return the failures by stream.

        A version that exists stays as it is, and is no failure.
        """
        if self._attached:
            raise ValueError("commits that are inserted by themselves have nothing attached")
        failures: dict[str, DependencyError] = {}
        waiting = list(commits)
        for _ in self._backoff.tries():
            codes = self._insert_once(waiting)
            failures |= {
                stream: TransactionFaultError(code) for stream, code in codes.items() if code not in _TRANSIENT
            }
            waiting = [commit for commit in waiting if codes.get(commit.stream_id) in _TRANSIENT]
            if not waiting:
                break
        return failures | {commit.stream_id: ContentionError("each attempt was refused") for commit in waiting}

    def _insert_once(self, commits: Sequence[Commit]) -> dict[str, str]:
        """Return the error code of each commit that was not written, by stream."""
        codes: dict[str, str] = {}
        for start in range(0, len(commits), _MAX_STATEMENTS_PER_CALL):
            batch = commits[start : start + _MAX_STATEMENTS_PER_CALL]
            statements = [self._insert(commit) for commit in batch]
            responses = self._client.batch_execute_statement(Statements=statements)["Responses"]
            for commit, response in zip(batch, responses, strict=True):
                code = response.get("Error", {}).get("Code", _DUPLICATE)
                if "Error" in response and code != _DUPLICATE:
                    codes[commit.stream_id] = code
        return codes

    def _put(self, commit: Commit) -> None:
        """Put a commit alone. DynamoDB refuses it during a transaction on the same item, even one that fails."""
        for _ in self._backoff.tries():
            try:
                self._client.put_item(**self._put_request(commit))
            except self._client.exceptions.ConditionalCheckFailedException as failed:
                existing = cast("Item", failed.response["Item"])  # type: ignore[typeddict-item] # missing in the stubs
                raise VersionTakenError(commit_from_item(existing)) from failed
            except self._client.exceptions.TransactionConflictException:
                continue
            return
        raise ContentionError(f"{self._backoff.attempts} attempts each met another transaction")

    def _transact(self, items: "Sequence[TransactWriteItemTypeDef]") -> "Sequence[_CancellationReason] | None":
        """Return None if it was written, else a cancellation reason for each item, in their order."""
        try:
            self._client.transact_write_items(TransactItems=items)
        except self._client.exceptions.TransactionCanceledException as cancelled:
            return _reasons(cancelled)
        return None

    def _raise_if_detached(self, reasons: "Sequence[_CancellationReason]") -> None:
        # They come last, so their reasons do.
        for one, reason in zip(reversed(self._attached), reversed(reasons), strict=False):
            if reason["Code"] == _REFUSED:
                raise one.refused

    def _put_request(self, commit: Commit) -> "PutTypeDef":
        return {
            "TableName": self._table,
            "Item": commit_to_item(commit),
            "ConditionExpression": "attribute_not_exists(stream_id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _insert(self, commit: Commit) -> "BatchStatementRequestTypeDef":
        item = commit_to_item(commit)
        fields = ", ".join(f"'{name}': ?" for name in item)
        return {"Statement": f'INSERT INTO "{self._table}" VALUE {{{fields}}}', "Parameters": list(item.values())}

    def _counting(self, commits: Sequence[Commit]) -> "Iterator[TransactWriteItemTypeDef]":
        added: Counter[str] = Counter()
        for commit in commits:
            added.update(counter_increments(commit))
        if added:
            yield {"Update": self._counters.update(added, max(commit.cause.at for commit in commits))}

    def _deadline(self, commits: Sequence[Commit]) -> "Iterator[TransactWriteItemTypeDef]":
        due = {commit.stream_id: commit.due_at for commit in commits if commit.due_at}
        if not due:
            return
        if self._deadlines is None:
            raise ValueError(f"{next(iter(due))} has a deadline, and its writer was given no table for it")
        written_at = min(commit.cause.at for commit in commits)
        yield {"Put": self._deadlines.put(DeadlineGroup(tuple(due), max(due.values()), written_at))}


def is_refused(cancelled: "ClientError") -> bool:
    """Whether a condition failed: otherwise another transaction was in the way."""
    return any(reason["Code"] == _REFUSED for reason in _reasons(cancelled))


def not_erased(customer_keys: str, customer_id: str) -> Attached:
    """The check that a customer is not erased: their key's item is no tombstone, or there is none yet."""
    check: ConditionCheckTypeDef = {
        "TableName": customer_keys,
        "Key": to_item({"customer_id": customer_id}),
        "ConditionExpression": "attribute_not_exists(erased_at)",
    }
    return Attached({"ConditionCheck": check}, customer_erased())


def first_group(commits: Sequence[Commit]) -> Sequence[Commit]:
    """The first commits, as many as fit in one transaction; at least one."""
    skus: set[str] = set()
    for number, commit in enumerate(commits):
        skus.update(change.sku for change in commit.stock_changes())
        counters_and_deadline = 2
        if number and number + 1 + len(skus) + counters_and_deadline > _MAX_ITEMS_PER_TRANSACTION:
            return commits[:number]
    return commits


def _raise_if_final(
    commits: Sequence[Commit], changes: Sequence[StockChange], reasons: "Sequence[_CancellationReason]"
) -> None:
    """Return if a retry may help, because only other transactions were in the way; raise otherwise."""
    taken = {
        commit.stream_id: commit_from_item(reason["Item"])
        for commit, reason in zip(commits, reasons, strict=False)
        if reason["Code"] == _REFUSED
    }
    found = {
        change.sku: stock_item(reason["Item"]) if reason.get("Item") else None
        for change, reason in zip(changes, reasons[len(commits) :], strict=False)
        if reason["Code"] == _REFUSED
    }
    if taken or found:
        raise GroupRefusedError(taken, found)
    faults = {reason["Code"] for reason in reasons} - _TRANSIENT - {"None"}
    if faults:
        raise TransactionFaultError(", ".join(sorted(faults)))


def _reasons(cancelled: "ClientError") -> "Sequence[_CancellationReason]":
    # The stubs do not know that the error has them.
    return cast("Mapping[str, Sequence[_CancellationReason]]", cancelled.response)["CancellationReasons"]
