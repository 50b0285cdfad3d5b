"""The JSON Schema (2020-12) of an event: its published fields and its metadata."""

from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from services.libs.messaging.incoming_events import EventDetail
from services.shared.events.event import Event

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NOTHING = {"type": "null"}
_METADATA = {
    "eventId": {"type": "string", "description": "`<stream>/<version>/<index>`: the same on every delivery."},
    "correlationId": {"type": "string", "description": "The same through an order's life."},
    "causationId": {"type": "string", "description": "The id of the event that led to this one."},
    "occurredAt": {"type": "string", "format": "date-time"},
}


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, _: object) -> bool:
        """A title would only repeat the field's name."""
        return False


def event_schema(event: type[Event]) -> Schema:
    """The accepted form of an event that producers outside send, and the published form of any other."""
    schema = _generated(event, "validation" if event.FROM_OUTSIDE else "serialization")
    _take_out_stored(event, schema)
    definitions = schema.pop("$defs", {})
    if not event.FROM_OUTSIDE:
        for part in (schema, *definitions.values()):
            _leave_out_nothing(part)
    _add_metadata(event, schema)
    used = {name: definitions[name] for name in sorted(_used(schema, definitions))}
    return {
        "$schema": DIALECT,
        "title": event.type_name(),
        "description": description(event),
        "type": "object",
        "properties": schema["properties"],
        "required": schema["required"],
        "additionalProperties": True,
        **({"$defs": used} if used else {}),
    }


def resolved(schema: Schema) -> Schema:
    """The same schema with each `$ref` replaced by the definition that it names."""
    whole: Schema = _resolved({**schema, "$defs": {}}, schema.get("$defs", {}))
    return whole


def _resolved(node: Any, definitions: Schema) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, list):
        return [_resolved(element, definitions) for element in node]
    if not isinstance(node, dict):
        return node
    here = {key: _resolved(value, definitions) for key, value in node.items() if key != "$ref"}
    if "$ref" in node:
        return _resolved(definitions[_name(node["$ref"])], definitions) | here
    return here


def _name(reference: str) -> str:
    return reference.removeprefix("#/$defs/")


def _generated(model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
    schema: Schema = model.model_json_schema(mode=mode, schema_generator=_Generator)
    return schema


def _wire_name(event: type[Event], field: str) -> str:
    return event.model_fields[field].alias or field


def description(event: type[Event]) -> str:
    text = " ".join((event.__doc__ or "").split())
    for field in event.model_fields:
        text = text.replace(f"`{field}`", f"`{_wire_name(event, field)}`")
    return text


def _take_out_stored(event: type[Event], schema: Schema) -> None:
    for field in event.stored_fields():
        name = _wire_name(event, field)
        del schema["properties"][name]
        schema["required"] = [each for each in schema["required"] if each != name]


def _leave_out_nothing(part: Schema) -> None:
    """Follow the publisher: a field without a value is left out, never null, and any other is present."""
    if "properties" not in part:
        return
    fields: dict[str, Schema] = part["properties"]
    part["required"] = [name for name, field in fields.items() if _NOTHING not in field.get("anyOf", [])]
    for field in fields.values():
        field.pop("default", None)
        options = [option for option in field.pop("anyOf", []) if option != _NOTHING]
        field.update(options[0] if len(options) == 1 else {"anyOf": options} if options else {})


def _add_metadata(event: type[Event], schema: Schema) -> None:
    version = {"type": "integer", "const": event.SCHEMA_VERSION}
    if not event.FROM_OUTSIDE:
        fields = _METADATA | {"schemaVersion": version}
        metadata: Schema = {"type": "object", "properties": fields, "required": list(fields)}
        is_required = True
    else:
        metadata, is_required = _accepted_metadata(version)
    schema["properties"] |= {"metadata": metadata}
    schema["required"] = [*schema.get("required", []), *(["metadata"] if is_required else [])]


def _accepted_metadata(version: Schema) -> tuple[Schema, bool]:
    """Metadata is optional at schema version 1, and required at a later one."""
    metadata: Schema = resolved(_generated(EventDetail, "validation"))["properties"]["metadata"]
    said: Schema = next(option for option in metadata["anyOf"] if option["type"] == "object")
    del said["title"], metadata["default"]
    if version["const"] > 1:
        said["properties"]["schemaVersion"] = version
        return {**said, "required": ["schemaVersion"]}, True
    said["properties"]["schemaVersion"] = {**version, "default": 1}
    return metadata, False


def _used(node: object, definitions: Schema) -> set[str]:
    """The names of the referenced definitions, those of other definitions included."""
    if isinstance(node, list):
        return set().union(*(_used(element, definitions) for element in node))
    if not isinstance(node, dict):
        return set()
    names = set().union(*(_used(value, definitions) for value in node.values()))
    if "$ref" in node:
        name = _name(node["$ref"])
        names |= {name} | _used(definitions[name], definitions)
    return names
