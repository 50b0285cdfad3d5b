"""The folder of the documents: its content by the code, and its content on disk."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, SchemaError

from scripts.check.event_documents.asyncapi import document, schema_file, traffic_in
from scripts.check.event_documents.breaks import Contract
from scripts.check.event_documents.schemas import Schema, event_schema
from scripts.check.event_documents.traffic import Traffic
from scripts.cli.errors import UserError
from services.shared.events.event import Event

_ASYNCAPI = "asyncapi.yaml"
_SCHEMA_FILE = re.compile(r"(\w+)\.v([1-9]\d*)\.json")
_WRITTEN_BY = "# Written by `invoke events` from services/.\n"


def contract_of(traffic: Mapping[type[Event], Traffic]) -> Contract:
    return Contract(
        {event.type_name(): each for event, each in traffic.items()},
        {(event.type_name(), event.SCHEMA_VERSION): event_schema(event) for event in traffic},
    )


def documents_of(traffic: Mapping[type[Event], Traffic]) -> dict[str, str]:
    """The text of every document, by its place in the folder."""
    schemas = {
        schema_file(event, version): json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for (event, version), schema in contract_of(traffic).schemas.items()
    }
    text = yaml.safe_dump(document(traffic), sort_keys=False, allow_unicode=True, width=120)
    return {_ASYNCAPI: _WRITTEN_BY + text, **schemas}


def read_contract(folder: Path) -> Contract:
    """Read the documents, if there are any; raise UserError for a damaged one."""
    return Contract(_traffic(folder / _ASYNCAPI), dict(map(_schema, sorted(folder.glob("schemas/*.json")))))


def _schema(file: Path) -> tuple[tuple[str, int], Schema]:
    named = _SCHEMA_FILE.fullmatch(file.name)
    if not named:
        raise UserError(f"{file} is not named as the schema of an event, for example OrderPlaced.v1.json")
    try:
        schema: Schema = json.loads(file.read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
    except (ValueError, SchemaError) as error:
        raise _damaged(file) from error
    return (named[1], int(named[2])), schema


def _traffic(file: Path) -> dict[str, Traffic]:
    if not file.exists():
        return {}
    try:
        return traffic_in(yaml.safe_load(file.read_text("utf-8")))
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(file) from error


def _damaged(file: Path) -> UserError:
    return UserError(f"{file} is not as `invoke events` wrote it: take it back with `git checkout -- {file}`")
