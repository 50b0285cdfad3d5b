"""The life of a customer, who may be erased at any time, and of the streams that their logins are told in."""

from datetime import datetime

from services.shared.events.customer import CustomerErased, CustomerLogin, CustomerProfileUpdated, CustomerRegistered
from services.shared.lifecycle import Lifecycle, Phase, Transition

CUSTOMER_PREFIX = "customer#"
LOGIN_PREFIX = "login#"
_CUSTOMER_SERVICE = "customer-service"
_TOOLS = "tools"

NEW = Phase("new")
REGISTERED = Phase("registered")
ERASED = Phase("erased")

CUSTOMER = Lifecycle(
    prefix=CUSTOMER_PREFIX,
    start=NEW,
    transitions=(
        *(
            Transition((NEW,), (CustomerRegistered,), writer, REGISTERED)
            for writer in (_CUSTOMER_SERVICE, "support-service", _TOOLS)
        ),
        Transition((REGISTERED,), (CustomerProfileUpdated,), _CUSTOMER_SERVICE, REGISTERED),
        *(Transition((NEW, REGISTERED), (CustomerErased,), writer, ERASED) for writer in (_CUSTOMER_SERVICE, _TOOLS)),
    ),
)

SEEN = Phase("seen")

LOGIN = Lifecycle(
    prefix=LOGIN_PREFIX,
    start=NEW,
    transitions=(Transition((NEW, SEEN), (CustomerLogin,), _CUSTOMER_SERVICE, SEEN),),
)


def customer_stream(customer_id: str) -> str:
    return f"{CUSTOMER_PREFIX}{customer_id}"


def login_stream(customer_id: str, at: datetime) -> str:
    """A stream of its own for each day in UTC: it would bloat the customer's."""
    return f"{LOGIN_PREFIX}{customer_id}#{at:%Y-%m-%d}"
