"""The user pool's users, as far as the customer service writes to them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient

CLAIM = "customer_id"
ATTRIBUTE = f"custom:{CLAIM}"


class UserPool:
    def __init__(self, client: "CognitoIdentityProviderClient", pool_id: str) -> None:
        self._client = client
        self._pool_id = pool_id

    def keep_customer_id(self, username: str, customer_id: str) -> None:
        self._client.admin_update_user_attributes(
            UserPoolId=self._pool_id,
            Username=username,
            UserAttributes=[{"Name": ATTRIBUTE, "Value": customer_id}],
        )

    def remove(self, username: str) -> None:
        """Remove the user; one that is not there is removed already."""
        try:
            self._client.admin_delete_user(UserPoolId=self._pool_id, Username=username)
        except self._client.exceptions.UserNotFoundException:
            return
