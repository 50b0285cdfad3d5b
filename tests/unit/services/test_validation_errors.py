import pytest
from pydantic import BaseModel, Field, ValidationError

from services.shared.validation_errors import causes


class _Line(BaseModel):
    quantity: int = Field(ge=1)


class _Order(BaseModel):
    lines: tuple[_Line, ...] = Field(min_length=1)


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([{"quantity": 0}], {("lines", 0, "quantity")}),
        ([{"quantity": 1}, {"quantity": 0}, {}], {("lines", 1, "quantity"), ("lines", 2, "quantity")}),
        ([], {("lines",)}),
        (None, {("lines",)}),
    ],
)
def test_only_errors_that_are_causes_are_named(lines: object, named: set[tuple[str | int, ...]]) -> None:
    with pytest.raises(ValidationError) as refused:
        _Order.model_validate({"lines": lines})

    assert {one["loc"] for one in causes(refused.value)} == named
