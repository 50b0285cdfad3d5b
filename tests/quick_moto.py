"""Moto without the work that takes most of its time and changes nothing here."""

from collections.abc import Mapping
from typing import Any

from moto.core.model import StructureShape
from moto.core.serialize import JSONSerializer

_serialize_structure = JSONSerializer._serialize_type_structure  # noqa: SLF001


def answer_without_search() -> None:
    """Let moto write an attribute value as the one type that it has.

    Else it looks for each of the ten types, under each name that a Python object might have for it.
    """
    JSONSerializer._serialize_type_structure = _serialize_type_structure  # type: ignore[assignment, method-assign] # noqa: SLF001


def _serialize_type_structure(
    self: JSONSerializer,
    serialized: dict[str, Any],
    value: Any,  # noqa: ANN401 - as in moto
    shape: StructureShape,
    key: str,
) -> None:
    if shape.name == "AttributeValue" and isinstance(value, Mapping) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind in shape.members and content is not None:
            found: dict[str, Any] = {}
            self._serialize(found, content, shape.members[kind], kind)
            self._default_serialize(serialized, found, shape, key)
            return
    _serialize_structure(self, serialized, value, shape, key)
