"""Tokens of the user pool, and those that nobody should get in with."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from scripts.deploy.outputs import UserPool
from tests.integration.world import World

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_PASSWORD = "a-Password-of-1-test"  # noqa: S105 - of users that end with the embedded AWS
_NO_CHANGES: Mapping[str, object] = {}


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _json(part: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return parsed


@dataclass(frozen=True)
class Person:
    access_token: str
    id_token: str

    @classmethod
    def signed_up(cls, world: World, *, staff: bool = False, pool: UserPool | None = None) -> Self:
        """Make a user who has just signed in: of the deployment's pool, or of another."""
        pool = pool or world.deployment.user_pool
        cognito, email = world.target.client("cognito-idp"), f"{uuid4().hex[:12]}@shop-user.example"
        cognito.sign_up(
            ClientId=pool.client_id,
            Username=email,
            Password=_PASSWORD,
            UserAttributes=[{"Name": "email", "Value": email}],
        )
        cognito.admin_confirm_sign_up(UserPoolId=pool.id, Username=email)
        if staff:
            cognito.admin_add_user_to_group(UserPoolId=pool.id, Username=email, GroupName="staff")
        result = cognito.initiate_auth(
            ClientId=pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": _PASSWORD},
        )["AuthenticationResult"]
        return cls(result["AccessToken"], result["IdToken"])

    @property
    def customer_id(self) -> str:
        return customer_id_of(self.access_token)


def customer_id_of(access_token: str) -> str:
    customer_id: str = _json(access_token.split(".")[1])["customer_id"]
    return customer_id


class Forger:
    """Has the key that the embedded AWS signs a pool's access tokens with: nobody has that of a pool on AWS."""

    def __init__(self, world: World, pool: UserPool) -> None:
        folder = world.target.emulator.folder / "tmp" / "state" / "cognito-pool-keys"
        pem = (folder / f"{pool.id}-access.pem").read_bytes()
        self._key = cast("RSAPrivateKey", serialization.load_pem_private_key(pem, password=None))

    def signed(self, token: str, *, header: Mapping[str, object] = _NO_CHANGES, **claims: object) -> str:
        """The token with these changes and a signature that fits; a claim that is None is left out."""
        content = _changed(token, header, claims)
        return f"{content}.{_text(self._key.sign(content.encode(), PKCS1v15(), hashes.SHA256()))}"

    def signed_by_public_key(self, token: str) -> str:
        """As if the public key were a shared secret."""
        content = _changed(token, {"alg": "HS256"}, {})
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"{content}.{_text(hmac.digest(public, content.encode(), hashlib.sha256))}"


def unsigned(token: str) -> str:
    return f"{_changed(token, {'alg': 'none'}, {})}."


def tampered(token: str, **claims: object) -> str:
    """The token with these claims, under the signature of the old ones."""
    return f"{_changed(token, {}, claims)}.{token.split('.')[2]}"


def another_pool(world: World) -> UserPool:
    """A pool of somebody else in the same account."""
    cognito = world.target.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="another", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    cognito.create_group(UserPoolId=pool, GroupName="staff")
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="another", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    return world.deployment.user_pool.model_copy(update={"id": pool, "client_id": client})


def now() -> int:
    return int(time.time())


def _changed(token: str, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    head, payload, _ = token.split(".")
    said = {**_json(payload), **claims}
    parts = ({**_json(head), **header}, {name: one for name, one in said.items() if one is not None})
    return ".".join(_text(json.dumps(part).encode()) for part in parts)
