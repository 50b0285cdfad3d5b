"""Small plans in Terraform's JSON form."""

import json
from collections.abc import Sequence
from typing import Any

from scripts.deploy.plan.model import Review, Risk, Stamp, State
from scripts.deploy.plan.review import review
from scripts.deploy.target import Target

TARGET = Target("aws", "staging")
STAMP = Stamp(plan_sha256="abc", state=State("lineage", 7))


def change(  # noqa: PLR0913 - the parts of a change
    address: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    *,
    replaced: bool = False,
    unknown: Any = None,  # noqa: ANN401 - JSON
    sensitive: Any = None,  # noqa: ANN401 - JSON
    before_sensitive: Any = None,  # noqa: ANN401 - JSON
    after_sensitive: Any = None,  # noqa: ANN401 - JSON
    **more: Any,  # noqa: ANN401 - JSON
) -> dict[str, Any]:
    """Make a change of a resource: what has no `before` is created, what has no `after` is destroyed."""
    if replaced:
        actions = ["delete", "create"]
    elif before is None or after is None:
        actions = ["create"] if before is None else ["delete"]
    else:
        actions = ["no-op"] if before == after and not unknown else ["update"]
    *modules, kind, name = address.split(".")
    return {
        "address": address,
        "module_address": ".".join(modules),
        "mode": "managed",
        "type": kind,
        "name": name.partition("[")[0],
        "change": {
            "actions": actions,
            "before": before,
            "after": after,
            "after_unknown": unknown or {},
            "before_sensitive": before_sensitive or sensitive or {},
            "after_sensitive": after_sensitive or sensitive or {},
        },
    } | more


def plan(*changes: dict[str, Any], drift: Sequence[dict[str, Any]] = (), **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"resource_changes": list(changes), "resource_drift": list(drift)} | more


def reviewed(*changes: dict[str, Any], **more: Any) -> Review:  # noqa: ANN401 - JSON
    return review(plan(*changes, **more), TARGET, STAMP)


def risks(*changes: dict[str, Any], **more: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - JSON
    """Give severity, kind and text of each risk."""
    return [(risk.severity, risk.kind, risk.text) for risk in reviewed(*changes, **more).risks]


def only(found: Sequence[Risk]) -> Risk:
    (risk,) = found
    return risk


def statement(action: Any, resource: Any = "arn:a", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def read_later(*blocks: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the data resource of a document that depends on something new, and the configuration that uses it."""
    unknown = {
        "json": True,
        "statement": [{"resources": [each is None for each in block["resources"]]} for block in blocks],
    }
    data = change("module.m.data.aws_iam_policy_document.doc", None, {"statement": list(blocks)}, unknown=unknown)
    data |= {"mode": "data", "module_address": "module.m"}
    data["change"]["actions"] = ["read"]
    references = ["data.aws_iam_policy_document.doc.json", "data.aws_iam_policy_document.doc"]
    used = {"type": "aws_iam_role_policy", "name": "this", "expressions": {"policy": {"references": references}}}
    return data, {"root_module": {"module_calls": {"m": {"module": {"resources": [used]}}}}}
