import pytest
from pydantic import ValidationError

from services.libs.store.store_settings import StoreSettings


def test_a_missing_setting_is_named_and_no_other_is_shown() -> None:
    """The environment is a small one: pydantic cuts a long one short, whatever is configured."""
    with pytest.raises(ValidationError, match="METRICS_TABLE") as error:
        StoreSettings.model_validate({"SECRET": "hush"})

    assert "hush" not in str(error.value)
    assert "input_value" not in str(error.value)
