"""A Grafana's HTTP API, as far as dashboards need it: https://grafana.com/docs/grafana/latest/developers/http_api/."""

import re
from http import HTTPStatus
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from scripts.cli.errors import UserError
from scripts.cli.web import TIMEOUT_SECONDS, checked_url, session, unreachable

_SHOWN_CHARACTERS = 120


class Grafana:
    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = checked_url("the URL of Grafana", url)
        self._user = user
        self._session = session(self.url)
        self._session.auth = HTTPBasicAuth(user.encode(), password.encode())

    def check(self) -> None:
        """Complain unless a Grafana answers there."""
        response = self._answer("GET", "api/health")
        if "database" not in (self._checked("GET", "api/health", response) or {}):
            raise self._no_grafana(response)

    def get(self, path: str) -> dict[str, Any] | None:
        """Read what is at a path; none if nothing is."""
        return self._call("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> None:
        self._change("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> None:
        self._change("PUT", path, body)

    def _change(self, method: str, path: str, body: dict[str, Any]) -> None:
        if self._call(method, path, body) is None:
            raise UserError(f"Grafana at {self.url} knows no {method} {path}: version 10 or newer is needed")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        return self._checked(method, path, self._answer(method, path, body))

    def _checked(self, method: str, path: str, response: requests.Response) -> dict[str, Any] | None:
        if response.is_redirect:
            target = response.headers["Location"]
            raise UserError(f"{self.url} sends the request on to {target}: give the URL that Grafana itself answers at")
        if response.status_code == requests.codes.unauthorized:
            raise UserError(f"Grafana at {self.url} does not accept this password of the user {self._user!r}")
        content = self._content(response)
        if response.status_code == requests.codes.not_found:
            return None
        if response.status_code == requests.codes.forbidden:
            raise UserError(
                f"the user {self._user!r} of Grafana may not {method} {path} ({_message(content)}): it must be an "
                "administrator of the organisation, and what a Grafana's own files provision cannot be changed"
            )
        if not response.ok:
            status = response.status_code
            raise UserError(f"Grafana at {self.url} answers {status} to {method} {path}: {_message(content)}")
        return content

    def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        try:
            return self._session.request(
                method, f"{self.url}/{path}", json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.exceptions.RequestException as error:
            raise unreachable("Grafana", self.url, error) from error

    def _content(self, response: requests.Response) -> dict[str, Any]:
        try:
            content = response.json()
        except requests.exceptions.JSONDecodeError as error:
            raise self._no_grafana(response) from error
        return content if isinstance(content, dict) else {}

    def _no_grafana(self, response: requests.Response) -> UserError:
        """Say what answered instead: a proxy's page of an error, or another program."""
        kind = response.headers.get("content-type", "of no content type").partition(";")[0]
        text = " ".join(re.sub(r"<[^>]*>", " ", response.text).split())[:_SHOWN_CHARACTERS]
        answer = f"{response.status_code} {response.reason}, {kind}: {text or 'nothing'}"
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UserError(f"a proxy answers at {self.url}, and no Grafana ({answer}): is Grafana running behind it?")
        return UserError(
            f"what answers at {self.url} is no Grafana ({answer}): give Grafana's URL, with its path if it has one"
        )


def _message(content: dict[str, Any]) -> str:
    return str(content.get("message") or "it does not say why").rstrip(".")
