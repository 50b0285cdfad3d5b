"""What stands behind customers' keys, in memory: their table as DynamoDB keeps it, KMS, and the user pool."""

import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from services.customer_service.user_pool import UserPool
from services.libs.store.dynamodb_items import Item

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_CONDITIONS: Mapping[str, Callable[[Item | None], bool]] = {
    "attribute_not_exists(customer_id)": lambda item: item is None,
    "attribute_not_exists(erased_at)": lambda item: "erased_at" not in (item or {}),
}
_SECRET_BYTES = 32


class _ConditionError(Exception):
    """The item is not as the write expects it."""


class MemoryKeyTable:
    """A client of DynamoDB, as far as it is asked of this table."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=_ConditionError)

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def refuses(self, write: "TransactWriteItemTypeDef") -> bool:
        """Whether the condition of a write, or of a check, does not hold now."""
        _, request = _parts(write)
        return not _CONDITIONS[request["ConditionExpression"]](self.items.get(_id(request)))

    def write(self, write: "TransactWriteItemTypeDef") -> None:
        kind, request = _parts(write)
        customer_id = _id(request)
        if kind == "Put":
            self.items[customer_id] = dict(request["Item"])
        elif kind == "Update":
            self._erase(customer_id, request["UpdateExpression"], request["ExpressionAttributeValues"])

    def _erase(self, customer_id: str, expression: str, values: Item) -> None:
        assert expression.startswith("SET erased_at = :at")
        item = self.items.setdefault(customer_id, {"customer_id": {"S": customer_id}})
        item["erased_at"] = values[":at"]
        if ":username" in values:
            item.setdefault("username", values[":username"])
        if expression.endswith("REMOVE wrapped_key"):
            item.pop("wrapped_key", None)

    def get_item(self, **request: Any) -> Mapping[str, Item]:  # noqa: ANN401 - as of botocore
        found = self.items.get(_id(request))
        return {"Item": dict(found)} if found else {}

    def update_item(self, **request: Any) -> None:  # noqa: ANN401 - as of botocore
        assert request["UpdateExpression"] == "REMOVE username"
        item = self.items.get(_id(request), {})
        if "erased_at" not in item:
            raise _ConditionError
        item.pop("username", None)


class MemoryKms:
    """Wraps nothing: it remembers each secret, and for whom it was made."""

    exceptions = SimpleNamespace(InvalidCiphertextException=_ConditionError)

    def __init__(self) -> None:
        self._secrets: dict[bytes, tuple[object, bytes]] = {}

    def generate_data_key(self, **request: object) -> Mapping[str, bytes]:
        wrapped, secret = os.urandom(_SECRET_BYTES), os.urandom(_SECRET_BYTES)
        self._secrets[wrapped] = request["EncryptionContext"], secret
        return {"CiphertextBlob": wrapped, "Plaintext": secret}

    def decrypt(self, CiphertextBlob: bytes, EncryptionContext: object, **_: object) -> Mapping[str, bytes]:  # noqa: N803 - as of botocore
        context, secret = self._secrets[CiphertextBlob]
        if context != EncryptionContext:
            raise _ConditionError
        return {"Plaintext": secret}


class MemoryUserPool(UserPool):
    def __init__(self, users: set[str]) -> None:
        self.users = users

    def remove(self, username: str) -> None:
        self.users.discard(username)


def _parts(write: "TransactWriteItemTypeDef") -> tuple[str, Any]:
    ((kind, request),) = write.items()
    return kind, request


def _id(request: Mapping[str, Any]) -> str:
    customer_id: str = request.get("Item", request.get("Key"))["customer_id"]["S"]
    return customer_id
