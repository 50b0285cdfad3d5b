"""A CloudWatch alarm's message, as SNS hands it on raw."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field

from services.notification_service.domain import Alarm


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
