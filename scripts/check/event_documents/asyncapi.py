"""The AsyncAPI 3 document: the senders and receivers of each event and its bus. It can be read back."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from scripts.check.event_documents.schemas import description
from scripts.check.event_documents.traffic import OUTSIDE, Traffic
from scripts.cli.paths import REPO_ROOT
from services.shared.events.event import Bus, Event

Document: TypeAlias = dict[str, Any]

_ABOUT = (
    "PulseQueue's events on Amazon EventBridge. A consumer adds a rule for `source` and `detail-type` to a bus; every "
    "event arrives at least once and in any order. A producer outside calls `PutEvents` with `Source`, `DetailType` "
    "and `Detail`. docs/events.md says more."
)
# https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
_ENVELOPE = {
    "type": "object",
    "description": "What EventBridge delivers. An event that is sent again has another `id`, and the same `eventId`.",
    "properties": {
        "id": {"type": "string"},
        "detail-type": {"type": "string"},
        "source": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "detail": {"type": "object"},
    },
    "required": ["id", "detail-type", "source", "time", "detail"],
}
_SENDS, _RECEIVES = "sends", "receives"
_ACTIONS = {_SENDS: "send", _RECEIVES: "receive"}


def schema_file(event: str, version: int) -> str:
    """The path of an event's JSON Schema, relative to the document."""
    return f"schemas/{event}.v{version}.json"


def document(traffic: Mapping[type[Event], Traffic]) -> Document:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "PulseQueue", "version": _version(), "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": {_channel(bus): _bus(bus, traffic) for bus in Bus},
        "operations": _operations(traffic),
        "components": {
            "parameters": {"env": {"description": "The environment, such as `dev`."}},
            "schemas": {"Envelope": _ENVELOPE},
            "messages": {event.type_name(): _message(event, traffic[event]) for event in traffic},
        },
    }


def traffic_in(document: Mapping[str, Any]) -> dict[str, Traffic]:
    """Read the senders and receivers of each event, by the event's name."""
    parties: dict[tuple[str, str], list[str]] = {}
    for key, operation in document["operations"].items():
        service, verb, _ = key.split(".")
        for message in operation["messages"]:
            parties.setdefault((message["$ref"].rpartition("/")[2], verb), []).append(service)
    return {
        event: Traffic(
            bus=channel.removesuffix("-bus"),
            senders=tuple(parties.get((event, _SENDS), [])),
            receivers=tuple(parties.get((event, _RECEIVES), [])),
        )
        for channel, content in document["channels"].items()
        for event in content["messages"]
    }


def _version() -> str:
    project: str = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return project


def _channel(bus: str) -> str:
    return f"{bus}-bus"


def _bus(bus: Bus, traffic: Mapping[type[Event], Traffic]) -> Document:
    names = [event.type_name() for event in traffic if event.BUS is bus]
    return {
        "address": f"{{env}}-{bus.value}-bus",
        "description": f"The `source` of this bus's events is `{bus.source}`, whichever service sends them.",
        "parameters": {"env": {"$ref": "#/components/parameters/env"}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operations(traffic: Mapping[type[Event], Traffic]) -> Document:
    """One operation per service, verb and bus."""
    found = sorted(
        (service, verb, event.BUS.value, event.type_name())
        for event, each in traffic.items()
        for verb, services in ((_SENDS, each.senders), (_RECEIVES, each.receivers))
        for service in services
    )
    return {
        ".".join((service, verb, _channel(bus))): _operation(service, verb, bus, [name for *_, name in group])
        for (service, verb, bus), group in groupby(found, lambda one: one[:3])
    }


def _operation(service: str, verb: str, bus: str, names: Iterable[str]) -> Document:
    channel = f"#/channels/{_channel(bus)}"
    return {
        "action": _ACTIONS[verb],
        "summary": f"{_spoken([service])} {verb.removesuffix('s') if service == OUTSIDE else verb}",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names],
    }


def _message(event: type[Event], traffic: Traffic) -> Document:
    name = event.type_name()
    why = f": {event.NO_CONSUMER}" if event.NO_CONSUMER else ""
    facts = [f"Sent by {_spoken(traffic.senders)}.", f"Received by {_spoken(traffic.receivers)}{why}."]
    if event.FROM_OUTSIDE and event.SCHEMA_VERSION > 1:
        facts.append("Earlier schema versions are still accepted: their schemas are beside this one.")
    return {
        "name": name,
        "title": f"{name}, schema version {event.SCHEMA_VERSION}",
        "summary": description(event),
        "description": " ".join(facts),
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {
                    "properties": {
                        "detail-type": {"const": name},
                        "source": {"const": event.BUS.source},
                        "detail": {"$ref": f"./{schema_file(name, event.SCHEMA_VERSION)}"},
                    }
                },
            ]
        },
    }


def _spoken(parties: Sequence[str]) -> str:
    named = ["producers outside" if party == OUTSIDE else party for party in parties]
    return " and ".join(named) or "no service of PulseQueue"
