"""An item of the metrics table that several readers write: each version is written once."""

from typing import TYPE_CHECKING

from services.libs.store.dynamodb_items import Item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def put_next(client: "DynamoDBClient", table: str, version: int, item: Item) -> bool:
    """Put an item as this version; return false, and change nothing, unless the version before is the latest."""
    try:
        client.put_item(
            TableName=table,
            Item=item | to_item({"version": version}),
            ConditionExpression="attribute_not_exists(id) OR version = :before",
            ExpressionAttributeValues=to_item({":before": version - 1}),
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True
