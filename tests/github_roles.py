"""Roles as a job of GitHub Actions takes them: the embedded AWS reads the token, and wants no signature of it."""

import base64
import json

from scripts.deploy.target import Target

REPOSITORY = "us/shop"
SUBJECTS = {"plan": f"repo:{REPOSITORY}:ref:refs/heads/release/1", "deploy": f"repo:{REPOSITORY}:environment:{{}}"}
"""Which job may have a role: on a release branch, or let pass by GitHub's environment."""
BRANCH = "refs/heads/release/1"

Keys = tuple[str, str, str]
"""The id of a key, its secret, and the session's token."""


def take(
    target: Target, role: str, subject: str | None = None, audience: str = "sts.amazonaws.com", ref: str = BRANCH
) -> Keys:
    """Take the role `plan` or `deploy` as the job that `subject` names, by default the one that it is meant for."""
    token = _token({"aud": audience, "sub": subject or SUBJECTS[role].format(target.environment), "ref": ref})
    arn = f"arn:aws:iam::000000000000:role/pulsequeue-{target.environment}-{role}"
    sts = target.client("sts")
    given = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="job", WebIdentityToken=token)["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


def _token(claims: dict[str, str]) -> str:
    parts: tuple[dict[str, str], ...] = (
        {"alg": "RS256"},
        {"iss": "https://token.actions.githubusercontent.com", **claims},
        {},
    )
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
