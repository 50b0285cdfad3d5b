"""The catalogue's API."""

import pytest

from services.catalog_service.api import handler
from tests.factories import Context


@pytest.mark.usefixtures("environment")
def test_it_says_that_it_is_there() -> None:
    response = handler({"headers": {}}, Context())

    assert (response["statusCode"], response["body"]) == (200, '{"status": "ok"}')
