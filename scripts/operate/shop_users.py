"""The users of the shop: customers and staff, as its user pool knows them."""

import base64
import json
import re
import secrets
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.cli.console import err, out
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from services.customer_service.domain import customer_id_of

if TYPE_CHECKING:
    from types_boto3_cognito_idp.type_defs import AttributeTypeTypeDef

STAFF = "staff"
_MADE_UP = "shop-user.example"
"""No mail reaches anybody there: https://www.rfc-editor.org/rfc/rfc2606."""
_CUSTOMER_ID = "custom:customer_id"
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True)
class AccessToken:
    text: str
    lifetime_seconds: int

    @property
    def customer_id(self) -> str:
        """Of its bearer. The token is our own, so its signature is not checked."""
        payload = self.text.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["customer_id"])


class ShopUsers:
    def __init__(self, target: Target, deployment: Deployment) -> None:
        self._cognito = target.client("cognito-idp")
        self._pool = deployment.user_pool

    def create(self, email: str) -> bool:
        """Make a user whose address counts as verified, and who is sent no mail; return False if there is one."""
        try:
            self._cognito.admin_create_user(
                UserPoolId=self._pool.id,
                Username=email,
                UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
                MessageAction="SUPPRESS",
            )
        except self._cognito.exceptions.UsernameExistsException:
            return False
        return True

    def sign_up(self, name: str) -> AccessToken:
        """Make the user of a made-up address unless there is one, and sign in. No mail is sent."""
        email = email_of(name)
        self.create(email)
        return self.sign_in_anew(email)

    def remove(self, name: str) -> None:
        """Remove the user of a made-up address."""
        self._cognito.admin_delete_user(UserPoolId=self._pool.id, Username=email_of(name))

    def exists(self, name: str) -> bool:
        """Whether the pool has the user of a made-up address."""
        try:
            self._cognito.admin_get_user(UserPoolId=self._pool.id, Username=email_of(name))
        except self._cognito.exceptions.UserNotFoundException:
            return False
        return True

    def find(self, user: str) -> tuple[str, str]:
        """Find the customer by their address or user name: their id, and the user's name in the pool.

        Raises UserError, whose text does not repeat what was given.
        """
        try:
            found = self._cognito.admin_get_user(UserPoolId=self._pool.id, Username=user)
        except self._cognito.exceptions.UserNotFoundException:
            raise UserError(
                "the pool has no such user; for one who is erased already, give the customer's id of the receipt"
            ) from None
        return _customer_id(found["UserAttributes"]), found["Username"]

    def names(self, customer_ids: Collection[str]) -> dict[str, str]:
        """The users' names in the pool by customer; it reads the whole pool, 60 users a call."""
        pages = self._cognito.get_paginator("list_users").paginate(
            UserPoolId=self._pool.id, AttributesToGet=["sub", _CUSTOMER_ID]
        )
        users = (user for page in (pages if customer_ids else ()) for user in page["Users"])
        named = ((_customer_id(user.get("Attributes", [])), user["Username"]) for user in users)
        return {customer_id: name for customer_id, name in named if customer_id in customer_ids}

    def make_staff(self, email: str) -> None:
        self._cognito.admin_add_user_to_group(UserPoolId=self._pool.id, Username=email, GroupName=STAFF)

    def sign_in_anew(self, email: str) -> AccessToken:
        """Replace the user's password by one that nobody is told, and sign in with it."""
        password = f"{secrets.token_urlsafe(32)}-aA1"
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool.id, Username=email, Password=password, Permanent=True
        )
        return self.sign_in(email, password)

    def sign_in(self, email: str, password: str) -> AccessToken:
        answer = self._cognito.initiate_auth(
            ClientId=self._pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        if challenge := answer.get("ChallengeName"):
            raise UserError(f"{email} has to answer {challenge} to sign in, which only they can")
        result = answer["AuthenticationResult"]
        return AccessToken(result["AccessToken"], result["ExpiresIn"])


def _customer_id(attributes: "Sequence[AttributeTypeTypeDef]") -> str:
    """As the trigger makes it where the user has not signed in yet."""
    values = {one["Name"]: one.get("Value", "") for one in attributes}
    return values.get(_CUSTOMER_ID) or customer_id_of(values["sub"])


def make(target: Target, user: str, *, staff: bool, as_json: bool = False, for_shell: bool = False) -> None:
    """Make the user unless there is one, and print a token. Only somebody's own address keeps its password."""
    email = email_of(user)
    deployment = Deployment.of(target)
    users = ShopUsers(target, deployment)
    is_new = users.create(email)
    if staff:
        users.make_staff(email)
    what = "a member of the staff" if staff else "a customer"
    err.print(f"{email} {'is new' if is_new else 'exists already'}: {what} of {target.environment}", markup=False)
    if not is_new and not email.endswith(f"@{_MADE_UP}"):
        raise UserError(f"{email} may be somebody's own account: its password was not replaced, so there is no token")
    token, url = users.sign_in_anew(email), deployment.shop_url(target)
    if for_shell:
        out.print(f"export SHOP={shlex.quote(url)} TOKEN={shlex.quote(token.text)}", markup=False)
        return
    _show(email, token, url, as_json=as_json)


def email_of(user: str) -> str:
    email = user if "@" in user else f"{user}@{_MADE_UP}"
    if not _EMAIL.fullmatch(email):
        raise UserError(f"{user!r} is no e-mail address and no name: use ada@example.org or ada")
    return email.lower()


def _show(email: str, token: AccessToken, url: str, *, as_json: bool) -> None:
    if as_json:
        shown = {"email": email, "access_token": token.text, "expires_in_seconds": token.lifetime_seconds, "url": url}
        out.print(json.dumps(shown), markup=False)
        return
    out.print(token.text, markup=False)
    err.print(f"good for {token.lifetime_seconds // 60} minutes, such as:", markup=False)
    err.print(f'curl --header "authorization: Bearer TOKEN" {url}/v1/cart', markup=False)
