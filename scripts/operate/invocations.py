"""The invocations of functions that their callers start: an API's requests, a trigger's of Cognito."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import GetFunctionResponseTypeDef

_BEFORE = "reserved-concurrency-before-pause"
"""A tag of the function: the number to restore, or that nothing was reserved."""
_NOTHING = "nothing"


class Invocations:
    """Lambda refuses to invoke a function whose reserved concurrency is 0; an invocation under way runs to its end."""

    def __init__(self, target: Target, deployment: Deployment, services: Sequence[str]) -> None:
        self._lambda = target.client("lambda")
        self._names = {service: deployment.functions[service].name for service in services}

    def refuse(self) -> None:
        """The tag is written first and then kept, so an interrupted pause may be repeated."""
        for name in self._names.values():
            function = self._lambda.get_function(FunctionName=name)
            if _BEFORE not in function.get("Tags", {}):
                reserved = _reserved(function)
                before = _NOTHING if reserved is None else str(reserved)
                self._lambda.tag_resource(Resource=function["Configuration"]["FunctionArn"], Tags={_BEFORE: before})
            self._lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    def accept(self) -> None:
        """Restore what was reserved before. A function without the tag was not paused, or an apply has restored it."""
        for name in self._names.values():
            function = self._lambda.get_function(FunctionName=name)
            before = function.get("Tags", {}).get(_BEFORE)
            if before is None:
                continue
            if before == _NOTHING:
                self._lambda.delete_function_concurrency(FunctionName=name)
            else:
                self._lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(before))
            self._lambda.untag_resource(Resource=function["Configuration"]["FunctionArn"], TagKeys=[_BEFORE])

    def accepted(self) -> list[str]:
        """Name the services whose function may be invoked."""
        functions = {service: self._lambda.get_function(FunctionName=name) for service, name in self._names.items()}
        return [service for service, function in functions.items() if _reserved(function) != 0]


def _reserved(function: "GetFunctionResponseTypeDef") -> int | None:
    return function.get("Concurrency", {}).get("ReservedConcurrentExecutions")
