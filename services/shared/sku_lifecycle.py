"""The life of a SKU: it is created, and its product and its stock are set again and again."""

from services.shared.commits import SKU_PREFIX
from services.shared.events.catalog import ProductCreated, ProductInventoryUpdated, ProductUpdated
from services.shared.lifecycle import Lifecycle, Phase, Transition

_CATALOG_SERVICE = "catalog-service"

NEW = Phase("new")
STOCKED = Phase("stocked")

SKU = Lifecycle(
    prefix=SKU_PREFIX,
    start=NEW,
    transitions=(
        Transition((NEW,), (ProductCreated,), _CATALOG_SERVICE, STOCKED),
        Transition((NEW,), (ProductCreated, ProductInventoryUpdated), "tools", STOCKED),
        Transition((STOCKED,), (ProductUpdated,), _CATALOG_SERVICE, STOCKED),
        Transition((STOCKED,), (ProductUpdated,), "tools", STOCKED),
        Transition((NEW, STOCKED), (ProductInventoryUpdated,), "tools", STOCKED),
        Transition((STOCKED,), (ProductInventoryUpdated,), _CATALOG_SERVICE, STOCKED),
    ),
)
