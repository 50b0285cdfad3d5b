"""HTTP to servers whose URLs people give."""

from urllib.parse import urlsplit

import requests

from scripts.cli.errors import UserError

TIMEOUT_SECONDS = (5, 30)
"""To connect, and to wait for an answer."""
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


def checked_url(what: str, url: str) -> str:
    """Return the URL without its last slash. Raise UserError for one with a password: it would be shown and stored."""
    advice = "give it as http://HOST:PORT or https://HOST"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UserError(f"{what} is {url!r} ({error}): {advice}") from error
    if "@" in parts.netloc:
        raise UserError(f"{what} has a user or a password in it: {advice}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"{what} is {url!r}: {advice}")
    return url.rstrip("/")


def session(url: str) -> requests.Session:
    """Open a session that uses the environment's proxies, except for this machine."""
    opened = requests.Session()
    opened.trust_env = urlsplit(url).hostname not in _THIS_MACHINE
    return opened


def unreachable(what: str, url: str, error: requests.exceptions.RequestException) -> UserError:
    if isinstance(error, requests.exceptions.SSLError):
        return UserError(f"the certificate of {what} at {url} cannot be trusted: {error}")
    return UserError(f"{what} cannot be reached at {url} ({type(error).__name__}): is it running there?")
