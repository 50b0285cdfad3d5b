"""An alarm, and how it reads in Slack and in Microsoft Teams."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from services.shared.json_types import Json, JsonObject

# The limit of a header in Slack: https://docs.slack.dev/reference/block-kit/blocks/header-block
_LONGEST_TITLE = 150
_RUNBOOK = re.compile(r"\s*\bRunbook: (\S+)\s*$")
_TEAMS_COLOURS = {"ALARM": "attention", "OK": "good"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """A change of an alarm's state; `description` ends with the link to its runbook entry, as Terraform writes it."""

    name: str
    state: str
    reason: str
    region: str
    changed_at: datetime
    description: str = ""
    is_first: bool = False
    """The state before was unknown, as after a deployment."""

    @property
    def is_news(self) -> bool:
        return not (self.is_first and self.state == "OK")

    @property
    def title(self) -> str:
        return f"{self.state}: {self.name}"[:_LONGEST_TITLE]

    @property
    def about(self) -> str:
        return _RUNBOOK.sub("", self.description)

    @property
    def runbook(self) -> str:
        found = _RUNBOOK.search(self.description)
        return found[1] if found else ""

    @property
    def facts(self) -> dict[str, str]:
        """The other facts, by their headings. A runbook that is no link is a path in the repository."""
        facts = {
            "State": self.state,
            "Region": self.region,
            "Time": f"{self.changed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "Runbook": self.runbook,
        }
        return {name: value for name, value in facts.items() if value}


def slack_message(alarm: Alarm) -> JsonObject:
    """https://docs.slack.dev/messaging/formatting-message-text, https://docs.slack.dev/reference/block-kit/blocks."""
    facts: list[Json] = [
        {"type": "mrkdwn", "text": f"*{name}*\n{_escaped_for_slack(value)}"} for name, value in alarm.facts.items()
    ]
    blocks: list[Json] = [
        {"type": "header", "text": {"type": "plain_text", "text": alarm.title}},
        {"type": "section", "text": {"type": "plain_text", "text": f"{alarm.about}\n{alarm.reason}".strip() or "-"}},
        {"type": "section", "fields": facts},
    ]
    # A notification shows this text, and a screen reader reads it.
    return {"text": _escaped_for_slack(alarm.title), "blocks": blocks}


def teams_message(alarm: Alarm) -> JsonObject:
    """https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook, an Adaptive Card."""
    card: JsonObject = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            _teams_text(alarm.title, size="large", weight="bolder", color=_TEAMS_COLOURS.get(alarm.state, "default")),
            _teams_text(alarm.about),
            _teams_text(alarm.reason),
            {"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in alarm.facts.items()]},
        ],
    }
    if alarm.runbook.startswith("https://"):
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Runbook", "url": alarm.runbook}]
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def _teams_text(text: str, **style: Json) -> JsonObject:
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def _escaped_for_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
