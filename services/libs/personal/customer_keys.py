"""The table of customers' keys, each wrapped by KMS. An erased customer's item is a tombstone, and stays one.

It is in no backup and has no point-in-time recovery: a key that is destroyed does not come back.
"""

import base64
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from services.libs.personal.sealing import CustomerKey, UnreadableError
from services.libs.store.dynamodb_items import Item, from_item, to_item
from services.libs.store.event_store import Attached, ContentionError, is_refused
from services.shared.causes import timestamp
from services.shared.json_types import text
from services.shared.refusals import customer_erased

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient


class KeyExistsError(Exception):
    """Another request made the customer's key first."""


class Tombstone(NamedTuple):
    """What is left of an erased customer's key. `username` is their user in the pool, until that is removed."""

    customer_id: str
    erased_at: datetime
    username: str | None = None


class Tombstones:
    """The table of keys for those who only ask who is erased."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def tombstone(self, customer_id: str) -> Tombstone | None:
        """None for a customer who is not erased."""
        item = self._read(customer_id)
        return _tombstone(item) if item and "erased_at" in item else None

    def forget_user(self, customer_id: str) -> None:
        """The user was removed from the pool: the tombstone names it no more. Who is not erased stays as they are."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"customer_id": customer_id}),
                UpdateExpression="REMOVE username",
                ConditionExpression="attribute_exists(erased_at)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def _read(self, customer_id: str) -> Item | None:
        found = self._client.get_item(
            TableName=self._table, Key=to_item({"customer_id": customer_id}), ConsistentRead=True
        )
        return found.get("Item")


class CustomerKeys(Tombstones):
    def __init__(self, client: "DynamoDBClient", kms: "KMSClient", table: str, wrapping_key: str) -> None:
        """`wrapping_key` is the ARN of the KMS key."""
        super().__init__(client, table)
        self._kms = kms
        self._wrapping_key = wrapping_key

    def find(self, customer_id: str) -> CustomerKey | None:
        """The customer's key as of now, None if there is none yet.

        Raises RefusedError (ERASED), and UnreadableError for a key that was wrapped for another customer.
        """
        item = self._read(customer_id)
        if item is None:
            return None
        if "wrapped_key" not in item:
            raise customer_erased()
        wrapped = base64.b64decode(text(from_item(item), "wrapped_key"))
        try:
            answer = self._kms.decrypt(
                CiphertextBlob=wrapped, KeyId=self._wrapping_key, EncryptionContext=_context(customer_id)
            )
        except self._kms.exceptions.InvalidCiphertextException:
            raise UnreadableError("the wrapped key") from None
        return CustomerKey(customer_id, answer["Plaintext"])

    def create(self, customer_id: str, username: str | None) -> tuple[CustomerKey, Attached]:
        """Make a new key, and the write that keeps it; that one raises KeyExistsError where there is a key.

        `username` is the customer's user in the pool, to remove it when they are erased; None if it is not known.
        """
        answer = self._kms.generate_data_key(
            KeyId=self._wrapping_key, KeySpec="AES_256", EncryptionContext=_context(customer_id)
        )
        item = to_item(
            {
                "customer_id": customer_id,
                "wrapped_key": base64.b64encode(answer["CiphertextBlob"]).decode(),
            }
            | ({"username": username} if username else {})
        )
        put = Attached(
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(customer_id)",
                }
            },
            KeyExistsError(),
        )
        return CustomerKey(customer_id, answer["Plaintext"]), put

    def keep(self, write: Attached) -> None:
        """Write a key, or a tombstone, of a customer whose commit is there already; raise what the write says.

        Raises ContentionError where another transaction was in the way: nothing was written.
        """
        try:
            self._client.transact_write_items(TransactItems=[write.item])
        except self._client.exceptions.TransactionCanceledException as cancelled:
            if not is_refused(cancelled):
                raise ContentionError("another transaction held the customer's key") from cancelled
            raise write.refused from cancelled

    def erasure(self, customer_id: str, at: datetime, username: str | None = None) -> Attached:
        """The write that destroys the key and leaves a tombstone; it raises RefusedError (ERASED) where there is one.

        `username` is for a customer who has no key yet.
        """
        values = {":at": timestamp(at)} | ({":username": username} if username else {})
        named = ", username = if_not_exists(username, :username)" if username else ""
        return Attached(
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item({"customer_id": customer_id}),
                    "UpdateExpression": f"SET erased_at = :at{named} REMOVE wrapped_key",
                    "ConditionExpression": "attribute_not_exists(erased_at)",
                    "ExpressionAttributeValues": to_item({**values}),
                }
            },
            customer_erased(),
        )


def _context(customer_id: str) -> dict[str, str]:
    """KMS unwraps a key only for the customer that it was wrapped for."""
    return {"customer_id": customer_id}


def _tombstone(item: Item) -> Tombstone:
    values = from_item(item)
    username = values.get("username")
    return Tombstone(
        text(values, "customer_id"),
        datetime.fromisoformat(text(values, "erased_at")),
        username if isinstance(username, str) else None,
    )
