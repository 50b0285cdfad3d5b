"""The front door of a service: routes of the shop API on Powertools' event handler.

An `api.py` declares routes, calls one use case in each, and maps what comes back: see `services/cart_service/api.py`.
The function's name becomes the operation's id (`setCartItem`), the docstring its summary. Arguments and parameters:

    sku: Annotated[Sku, Path()]                               # of `/v1/cart/items/{sku}`
    order_id: Annotated[Identifier, Path(alias="orderId")]    # of `/v1/orders/{orderId}`
    limit: Annotated[int, Query(ge=1, le=100)] = 20
    key: IdempotencyKey                                       # of a POST: `api.command_of(key, body)` is its Command
    version: IfMatch                                          # the version that the client has read, an int

A request's body is a RequestBody, an answer's a ResponseBody. `api.caller`, `api.cause` and `api.request` are those of
the request that is handled now, and `api.log(order_id=...)` adds an id to its line in the log.

A use case raises RefusedError, DependencyError and the like, and `problems` turns each into problem+json. An `api.py`
raises ProblemError for anything else, such as a 409 that carries both prices. A carrier's route has
`guard=lambda request: _application().signatures.check(request)`. Lists are paged by `cursors.Cursors`.
"""
