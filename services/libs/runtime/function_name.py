"""A function's name in logs, in metrics and in the deployment's outputs."""

_QUEUES_AND_SCHEDULES = "handler"


def function_name(module: str) -> str:
    """Such as `order-service` of `services.order_service.handler`, and `order-service-api` of its `api`."""
    _, service, entry = module.split(".")
    name = service if entry == _QUEUES_AND_SCHEDULES else f"{service}_{entry}"
    return name.replace("_", "-")
