"""The resources of a plan in Terraform's JSON form: https://developer.hashicorp.com/terraform/internals/json-format."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from scripts.deploy.plan.configuration import Json, expressions_of, is_computed, module_of
from scripts.deploy.plan.model import Action
from scripts.deploy.plan.services import service_of
from scripts.deploy.plan.values import KNOWN_LATER, KnownLater, Value, at, attributes, either

_ACTIONS = {
    ("create",): Action.CREATE,
    ("update",): Action.UPDATE,
    ("delete",): Action.DESTROY,
    ("forget",): Action.FORGET,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("create", "forget"): Action.REPLACE,
}
_REASONS = {
    "replace_because_tainted": "an earlier apply failed half way",
    "replace_because_cannot_update": "cannot be changed in place",
    "replace_by_request": "requested",
    "replace_by_triggers": "a resource that it depends on is replaced",
    "delete_because_no_resource_config": "no longer in the configuration",
    "delete_because_no_module": "its module is no longer in the configuration",
    "delete_because_wrong_repetition": "its count or for_each has changed",
    "delete_because_count_index": "its count is lower",
    "delete_because_each_key": "its key is no longer in for_each",
    "delete_because_no_move_target": "the target of its `moved` block does not exist",
}


# The values that the provider takes where a new resource has none; it shows them only once the resource is there.
_DEFAULTS = {
    ("aws_cloudwatch_event_rule", "is_enabled"): True,
    ("aws_cloudwatch_event_rule", "state"): "ENABLED",
    ("aws_dynamodb_table", "table_class"): "STANDARD",
}


@dataclass(frozen=True)
class Resource:
    address: str
    type: str
    action: Action | None
    """None where the plan leaves it as it is."""
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    because: str | None = None
    previous_address: str | None = None
    expressions: Json = field(default_factory=dict)
    """What the configuration sets, by attribute and block."""

    @property
    def settings(self) -> tuple[Mapping[str, Value], Mapping[str, Value]]:
        """Before and after, without the values that the provider sets by itself when it makes a replacement."""
        if self.action is not Action.REPLACE:
            return self.before, self.after
        left_out = {path for path, value in _leaves(self.after) if self._is_left_to_provider(path, value)}
        return _without(self.before, left_out), _without(self.after, left_out)

    def _is_left_to_provider(self, path: str, value: Value) -> bool:
        if isinstance(value, KnownLater):
            return is_computed(self.expressions, path)
        before = at(self.before, path)
        return value is None and (before is False or before == 0 or before == _DEFAULTS.get((self.type, path)))

    @property
    def service(self) -> str:
        return service_of(self.type)

    @property
    def module(self) -> str:
        """Give the module that holds it, two levels deep."""
        found = re.match(r'(module\.[^.\[]+(\["[^"]*"\]|\[\d+\])?\.?){1,2}', self.address)
        return found[0].removesuffix(".") if found else "root"

    @property
    def is_made(self) -> bool:
        return self.action in {Action.CREATE, Action.UPDATE, Action.REPLACE}

    @property
    def is_lost(self) -> bool:
        return self.action in {Action.DESTROY, Action.REPLACE}


def planned(plan: Json) -> list[Resource]:
    """Give all managed resources, with the statements already known of policies that Terraform writes at the apply."""
    found = list(_resources(plan, plan.get("resource_changes", ())))
    later = _policies_known_later(plan)
    return [_with_policies(resource, later) for resource in found]


def drifted(plan: Json) -> list[Resource]:
    """Give the resources that the refresh found changed; `before` is how the last apply left them."""
    return [resource for resource in _resources(plan, plan.get("resource_drift", ())) if resource.action]


def _leaves(value: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """Give path and value of everything below, through blocks, which are lists of one."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        value = value[0]
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _leaves(below, f"{path}.{name}".lstrip("."))
    else:
        yield path, value


def _without(values: Mapping[str, Value], paths: Collection[str]) -> Mapping[str, Value]:
    """Leave the values at these paths out."""
    left: dict[str, Value] = {}
    for name, value in values.items():
        below = [path.partition(".")[2] for path in paths if path.partition(".")[0] == name]
        if "" in below:
            continue
        block = value[0] if isinstance(value, list) and len(value) == 1 else value
        left[name] = _without(block, below) if below and isinstance(block, Mapping) else value
    return left


def _resources(plan: Json, changes: Iterable[Json]) -> Iterator[Resource]:
    for entry in changes:
        if entry.get("mode", "managed") == "managed":
            yield _resource(plan, entry)


def _resource(plan: Json, entry: Json) -> Resource:
    change, kind = entry["change"], entry["type"]
    previous = entry.get("previous_address")
    action = _ACTIONS.get(tuple(change["actions"]))
    if action is None and change.get("importing"):
        action = Action.IMPORT
    elif action is None and previous:
        action = Action.MOVE
    # A value that is marked on one side only is the same secret on the other.
    sensitive = either(change.get("before_sensitive"), change.get("after_sensitive"))
    forcing = [".".join(map(str, path)) for path in change.get("replace_paths", ())]
    reasons = [_REASONS.get(entry.get("action_reason", ""), ""), ", ".join(forcing), _deposed(entry)]
    return Resource(
        address=entry["address"],
        type=kind,
        action=action,
        before=attributes(kind, change["before"], None, sensitive),
        after=attributes(kind, change["after"], change.get("after_unknown"), sensitive),
        because=": ".join(filter(None, reasons)) or None,
        previous_address=previous,
        expressions=expressions_of(plan, entry),
    )


def _deposed(entry: Json) -> str:
    return "an old instance that an earlier apply left behind" if entry.get("deposed") else ""


def _policies_known_later(plan: Json) -> Mapping[tuple[str, str], Value]:
    """Give the policy documents that Terraform reads during the apply, by module and name, as far as they are known."""
    found: dict[tuple[str, str], Value] = {}
    for entry in plan.get("resource_changes", ()):
        if entry.get("mode") == "data" and entry["type"] == "aws_iam_policy_document":
            change = entry["change"]
            values = attributes(entry["type"], change["after"], change.get("after_unknown"))
            name = f"data.{entry['type']}.{entry['name']}"
            # The plan does not say which of several instances a resource takes.
            found[entry.get("module_address", ""), name] = KNOWN_LATER if "index" in entry else _document(values)
    return {
        (address, f"{kind}.{name}.{attribute}"): found[address, document]
        for address in {entry.get("module_address", "") for entry in plan.get("resource_changes", ())}
        for kind, name, attribute, document in _references(plan, address)
        if (address, document) in found
    }


def _references(plan: Json, module_address: str) -> Iterator[tuple[str, str, str, str]]:
    """Give type, name and attribute of each resource with a policy from one document, and the document's name."""
    for resource in module_of(plan, module_address).get("resources", ()):
        for attribute, expression in resource.get("expressions", {}).items():
            references = expression.get("references", ()) if isinstance(expression, Mapping) else ()
            matches = [re.match(r"data\.aws_iam_policy_document\.\w+", reference) for reference in references]
            if len(documents := {match[0] for match in matches if match}) == 1:
                yield resource["type"], resource["name"], attribute, documents.pop()


def _document(values: Mapping[str, Value]) -> Value:
    """Put a document together from its statements and sources; it is unknown where one of them is."""
    own, sources = values.get("statement") or [], values.get("source_policy_documents") or []
    if values.get("override_policy_documents") or not isinstance(own, list) or not isinstance(sources, list):
        return KNOWN_LATER
    taken = [at(source, "Statement") for source in sources]
    statements = [one for each in taken for one in (each if isinstance(each, list) else [each])]
    if not all(isinstance(each, Mapping) for each in [*statements, *own]):
        return KNOWN_LATER
    return {"Statement": [*statements, *map(_statement, _blocks(own))]}


def _statement(block: Mapping[str, Value]) -> dict[str, Value]:
    names = {
        "actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource",
        "principals": "Principal", "not_principals": "NotPrincipal",
    }  # fmt: skip
    statement: dict[str, Value] = {"Effect": block.get("effect") or "Allow"}
    for name, key in names.items():
        if value := block.get(name):
            statement[key] = _principals(value) if name.endswith("principals") else value
    conditions: dict[str, dict[str, Value]] = {}
    for condition in _blocks(block.get("condition")):
        conditions.setdefault(str(condition.get("test")), {})[str(condition.get("variable"))] = condition.get("values")
    return statement | {"Condition": conditions}


def _principals(value: Value) -> Value:
    named = {str(block.get("type")): block.get("identifiers") for block in _blocks(value)}
    return "*" if "*" in named else named or KNOWN_LATER


def _blocks(value: Value) -> list[Mapping[str, Value]]:
    return [block for block in value if isinstance(block, Mapping)] if isinstance(value, list) else []


def _with_policies(resource: Resource, later: Mapping[tuple[str, str], Value]) -> Resource:
    module, _, rest = resource.address.rpartition(f"{resource.type}.")
    name = rest.partition("[")[0]
    known = {
        attribute: document
        for attribute, value in resource.after.items()
        if isinstance(value, KnownLater)
        and (document := later.get((module.removesuffix("."), f"{resource.type}.{name}.{attribute}")))
    }
    return replace(resource, after={**resource.after, **known}) if known else resource


def state_resources(plan: Json) -> list[Resource]:
    """Give the resources of the refreshed state."""
    return list(_state_of(plan.get("prior_state", {}).get("values", {}).get("root_module", {})))


def _state_of(module: Json) -> Iterator[Resource]:
    for resource in module.get("resources", ()):
        if resource["mode"] == "managed":
            values = attributes(resource["type"], resource["values"], None, resource.get("sensitive_values"))
            yield Resource(resource["address"], resource["type"], None, values, values)
    for child in module.get("child_modules", ()):
        yield from _state_of(child)
