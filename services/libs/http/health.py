"""What `GET /v1/health` answers."""

from typing import Literal

from services.libs.http.bodies import ResponseBody


class Health(ResponseBody):
    status: Literal["ok"] = "ok"
