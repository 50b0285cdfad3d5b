"""What in a plan lets messages, events, records or dead letters be lost, skipped or tried less often."""

from collections.abc import Callable, Mapping

from scripts.deploy.plan.model import Found
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.rules import Limit, becomes, lowered, switched_off
from scripts.deploy.plan.values import KnownLater, Value, at, differences, is_empty, text, texts

_MAPPING = "aws_lambda_event_source_mapping"
_ASYNC = "aws_lambda_function_event_invoke_config"
_TARGET = "aws_cloudwatch_event_target"
_FEWER_TRIES = "what fails is tried again less often"
_SOONER = "what fails is given up sooner"
_LIMITS = (
    Limit("maximum_retry_attempts", _FEWER_TRIES, _MAPPING, default=-1, unlimited=-1),
    Limit("maximum_record_age_in_seconds", _SOONER, _MAPPING, default=-1, unlimited=-1),
    Limit("maximum_retry_attempts", _FEWER_TRIES, _ASYNC, default=2),
    Limit("maximum_event_age_in_seconds", _SOONER, _ASYNC, default=21_600),
    Limit("retry_policy.maximum_retry_attempts", _FEWER_TRIES, _TARGET, default=185),
    Limit("retry_policy.maximum_event_age_in_seconds", _SOONER, _TARGET, default=86_400),
    Limit("redrive_policy.maxReceiveCount", "a message becomes a dead letter after fewer tries"),
    Limit("max_message_size", "larger messages are refused", "aws_sqs_queue"),
)
_SWITCHES = (
    (_MAPPING, "bisect_batch_on_function_error", "one bad record fails its whole batch: batches are no longer split"),
    ("aws_dynamodb_table", "stream_enabled", "its stream ends: whatever reads it gets no more records"),
)
_BECOMES = (
    (_MAPPING, "enabled", False, "it is disabled"),
    ("aws_cloudwatch_event_rule", "is_enabled", False, "it is disabled"),
    ("aws_cloudwatch_event_rule", "state", "DISABLED", "it is disabled"),
    ("aws_scheduler_schedule", "state", "DISABLED", "it is disabled"),
    ("aws_lambda_function", "reserved_concurrent_executions", 0, "the function is stopped: it may run nowhere"),
    ("aws_cloudwatch_metric_alarm", "actions_enabled", False, "the alarm no longer tells anybody"),
)
_TAKEN_OFF = (
    ("redrive_policy", "failed messages are lost: there is no dead-letter queue any more"),
    ("dead_letter_config.arn", "undeliverable events are lost: there is no dead-letter queue any more"),
    ("dead_letter_config.target_arn", "failed events are lost: there is no dead-letter queue any more"),
    ("destination_config.on_failure.destination_arn", "records given up are lost: no on-failure destination any more"),
    ("destination_config.on_failure.destination", "failed events are lost: no on-failure destination any more"),
    ("retry_policy", "its retry policy is taken off: EventBridge tries again 185 times in 24 hours at most"),
    ("alarm_actions", "the alarm no longer tells anybody"),
)
_DEAD_LETTERS = (
    "redrive_policy.deadLetterTargetArn",
    "dead_letter_config.arn",
    "dead_letter_config.target_arn",
    "destination_config.on_failure.destination_arn",
    "destination_config.on_failure.destination",
)
_EXCHANGED = (
    *((None, path, "dead letters go elsewhere") for path in _DEAD_LETTERS),
    (_MAPPING, "function_name", "another function reads the queue or stream"),
    (_MAPPING, "event_source_arn", "it reads another queue or stream"),
    (_MAPPING, "starting_position", "a new reader begins elsewhere in the stream"),
    ("aws_dynamodb_table", "stream_view_type", "its stream shows another part of each item"),
    ("aws_sns_topic_subscription", "endpoint", "the topic loses a subscriber, and gets another"),
    ("aws_sns_topic_subscription", "raw_message_delivery", "messages arrive in another form"),
)
# What is matched against these is delivered or kept; everything else is skipped.
_PATTERNS = (
    ("aws_cloudwatch_event_rule", "event_pattern", "it matches other events"),
    ("aws_cloudwatch_event_archive", "event_pattern", "it keeps other events"),
    (_MAPPING, "filter_criteria", "it takes other records"),
    ("aws_sns_topic_subscription", "filter_policy", "it gets other messages"),
)


def delivery_risks(resource: Resource, explain: Callable[[Value, Value], bool]) -> Found:
    """Give kind and text of each way in which a changed resource may lose, skip or give up something sooner.

    `explain` says whether one value becomes another without a change of meaning, as by a rename.
    """
    before, after = resource.settings
    found = [switched_off(before, after, path, what) for kind, path, what in _SWITCHES if kind == resource.type]
    found += [
        what for kind, path, value, what in _BECOMES if kind == resource.type and becomes(before, after, path, value)
    ]
    found += [what for path, what in _TAKEN_OFF if not is_empty(at(before, path)) and is_empty(at(after, path))]
    found += lowered(resource.type, before, after, _LIMITS)
    found += [
        f"{what}: {text(at(before, path))} → {text(at(after, path))}"
        for kind, path, what in _EXCHANGED
        if kind in {None, resource.type} and _is_exchanged(at(before, path), at(after, path), explain)
    ]
    found += [
        f"{what}: {_pattern_change(before.get(name), after.get(name))}"
        for kind, name, what in _PATTERNS
        if kind == resource.type and any(differences(before.get(name), after.get(name)))
    ]
    found += [_batch_failures(before, after), *_refused_dead_letters(before, after)]
    yield from (("wiring", what) for what in dict.fromkeys(filter(None, found)))
    for index in sorted(_indexes(before) - _indexes(after)):
        yield "wiring", f"its index {index} is taken off: a query of it fails"


def _is_exchanged(before: Value, after: Value, explain: Callable[[Value, Value], bool]) -> bool:
    given = not is_empty(before) and not is_empty(after)
    return given and before != after and not explain(before, after)


def _pattern_change(before: Value, after: Value) -> str:
    changes = []
    for difference in differences(before, after):
        old, new = texts(difference.before, difference.after)
        changes.append(" ".join(filter(None, [difference.path, f"{old} → {new}"])))
    return "; ".join(changes)


def _batch_failures(before: Mapping[str, Value], after: Mapping[str, Value]) -> str | None:
    """Without these reports Lambda takes a batch for processed whenever the function returns."""
    name, report = "function_response_types", "ReportBatchItemFailures"
    old, new = before.get(name), after.get(name)
    if not isinstance(old, list) or report not in old or (isinstance(new, list) and report in new):
        return None
    if isinstance(new, KnownLater):
        return f"{name} is only known after apply: it is {report} now"
    return f"failed messages of a batch are lost: {report} is taken off"


def _refused_dead_letters(before: Mapping[str, Value], after: Mapping[str, Value]) -> list[str]:
    """Give the queues whose dead letters a dead-letter queue no longer takes."""
    path = "redrive_allow_policy.sourceQueueArns"
    old, new = at(before, path), at(after, path)
    if becomes(before, after, "redrive_allow_policy.redrivePermission", "denyAll"):
        return ["it takes dead letters of no queue any more"]
    if not isinstance(old, list) or not isinstance(new, list) or any(isinstance(each, KnownLater) for each in new):
        return []
    return [f"it takes no more dead letters of {text(each)}" for each in old if each not in new]


def _indexes(table: Mapping[str, Value]) -> set[str]:
    listed = table.get("global_secondary_index")
    return {str(at(index, "name")) for index in listed} if isinstance(listed, list) else set()
