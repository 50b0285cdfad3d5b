"""The events of every context, for readers of the whole log: the relay and the tools. A test finds a missing module."""

from services.shared.events import cart, catalog, customer, fulfilment, order, payment, support

MODULES = (cart, catalog, customer, fulfilment, order, payment, support)
