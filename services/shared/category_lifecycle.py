"""The life of a category: it is created once."""

from services.shared.events.catalog import CategoryCreated
from services.shared.lifecycle import Lifecycle, Phase, Transition

CATEGORY_PREFIX = "category#"

NEW = Phase("new")
CREATED = Phase("created")

CATEGORY = Lifecycle(
    prefix=CATEGORY_PREFIX,
    start=NEW,
    transitions=tuple(
        Transition((NEW,), (CategoryCreated,), writer, CREATED) for writer in ("catalog-service", "tools")
    ),
)


def category_stream(category_id: str) -> str:
    return f"{CATEGORY_PREFIX}{category_id}"
