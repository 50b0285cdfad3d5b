"""JSON as Python types, and readers that say which field is missing or of the wrong kind."""

from typing import TypeAlias

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


def text(body: JsonObject, field: str) -> str:
    value = body[field]
    if not isinstance(value, str):
        raise TypeError(f"{field} is {type(value).__name__}, not a string")
    return value


def integer(body: JsonObject, field: str) -> int:
    value = body[field]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{field} is {type(value).__name__}, not an integer")
    return value


def texts(body: JsonObject, field: str) -> tuple[str, ...]:
    value = body[field]
    if not isinstance(value, list):
        raise TypeError(f"{field} is {type(value).__name__}, not a list")
    return tuple(text({field: element}, field) for element in value)


def objects(body: JsonObject, field: str) -> list[JsonObject]:
    value = body[field]
    if not isinstance(value, list):
        raise TypeError(f"{field} is {type(value).__name__}, not a list")
    items = [item for item in value if isinstance(item, dict)]
    if len(items) < len(value):
        raise TypeError(f"{field} has an element that is no object")
    return items
