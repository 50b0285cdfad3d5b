"""The life of a SKU: its stock is set, again and again."""

from services.shared.commits import SKU_PREFIX
from services.shared.events.catalog import ProductInventoryUpdated
from services.shared.lifecycle import Lifecycle, Phase, Transition

NEW = Phase("new")
STOCKED = Phase("stocked")

SKU = Lifecycle(
    prefix=SKU_PREFIX,
    start=NEW,
    transitions=(Transition((NEW, STOCKED), (ProductInventoryUpdated,), "tools", STOCKED),),
)
