"""The front door of a service: routes of the shop API on Powertools' event handler.

An `api.py` declares routes, calls one use case in each, and maps what comes back:

    FUNCTION = function_name(__name__)
    api = ShopApi()


    class CartSettings(Settings):
        event_store_table: str


    class _Application:
        def __init__(self, settings: CartSettings) -> None:
            configure_logging(FUNCTION, settings.log_level)
            self.metrics = RequestMetrics(FUNCTION, settings.environment)
            self.carts = CartService(EventStore(aws_clients.dynamodb(), settings.event_store_table))


    @cache
    def _application() -> _Application:
        return _Application(CartSettings.from_environment())


    def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
        return api.answer(event, context, _application().metrics)


    class ChangeItem(RequestBody):
        quantity: Annotated[StrictInt, Field(ge=1, le=10_000)]


    @api.route("PUT", "/v1/cart/items/{sku}", Access.CUSTOMER, refusals=(Refusal.NOT_FOUND, Refusal.STALE))
    def change_cart_item(sku: Annotated[Sku, Path()], body: ChangeItem, version: IfMatch) -> Response[CartView]:
        '''Change the quantity of a SKU in the cart.'''
        cart = _application().carts.change(api.caller.customer_id, sku, body.quantity, version, api.cause)
        return answered(CartView.of(cart), version=cart.version)

The function's name becomes the operation's id (`changeCartItem`), the docstring its summary. Arguments and parameters:

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
