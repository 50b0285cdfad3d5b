"""The message of a CloudWatch alarm, which SNS delivers raw."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, RootModel

from services.libs.messaging.messages import Message, validate_json
from services.notification_service.domain import Alarm
from services.shared.causes import Cause

ALARM = "Alarm"


class AlarmMessage(BaseModel):
    name: Annotated[str, Field(alias="AlarmName", min_length=1)]
    state: Annotated[str, Field(alias="NewStateValue", pattern="^(OK|ALARM|INSUFFICIENT_DATA)$")]
    old_state: str = Field("", alias="OldStateValue")
    reason: str = Field(alias="NewStateReason")
    region: str = Field(alias="Region")
    changed_at: AwareDatetime = Field(alias="StateChangeTime")
    description: str | None = Field(None, alias="AlarmDescription")

    def to_alarm(self) -> Alarm:
        return Alarm(
            name=self.name,
            state=self.state,
            reason=self.reason,
            region=self.region,
            changed_at=self.changed_at,
            description=self.description or "",
            is_first=self.old_state == "INSUFFICIENT_DATA",
        )


def parse_alarm(body: str, now: datetime) -> Message:
    """Raise RejectedError if the body is no JSON object; its fields are validated later."""
    detail = validate_json(RootModel[dict[str, object]], body).root
    # CloudWatch gives its messages no id.
    return Message(ALARM, detail, Cause("alarm", "alarm", now))
