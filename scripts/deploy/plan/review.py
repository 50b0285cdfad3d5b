"""The review of a plan in Terraform's JSON form."""

from scripts.deploy.plan import drift
from scripts.deploy.plan.changes import changed
from scripts.deploy.plan.configuration import Json
from scripts.deploy.plan.model import Review, Stamp
from scripts.deploy.plan.resources import planned
from scripts.deploy.plan.risks import losses, risks
from scripts.deploy.target import Target


def review(plan: Json, target: Target, stamp: Stamp, *, destroy: bool = False) -> Review:
    resources = planned(plan)
    return Review(
        environment=target.environment,
        target=target.name,
        destroy=destroy,
        risks=losses(resources) if destroy else risks(resources, plan),
        changes=tuple(changed(resource) for resource in resources if resource.action),
        drift=drift.found(plan),
        outputs=tuple(
            name for name, change in plan.get("output_changes", {}).items() if change["actions"] != ["no-op"]
        ),
        stamp=stamp,
    )
