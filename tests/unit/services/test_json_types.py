from collections.abc import Callable

import pytest

from services.shared.json_types import Json, JsonObject, integer, objects, text


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (text, 7),
        (text, None),
        (integer, "7"),
        (integer, True),
        (objects, {"sku": "a"}),
        (objects, [{"sku": "a"}, "b"]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_field(
    read: Callable[[JsonObject, str], object], value: Json
) -> None:
    with pytest.raises(TypeError, match="quantity"):
        read({"quantity": value}, "quantity")
