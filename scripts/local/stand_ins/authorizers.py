"""A stand-in for what Terraform reads of an HTTP API's authorizer of tokens."""

from collections.abc import Callable

from scripts.local.stand_ins.types import Document, Response

CreateAuthorizer = Callable[[str, Document], Response]


def without_a_payload_format(create: CreateAuthorizer) -> CreateAuthorizer:
    """Keep no payload format with an authorizer that calls no function: every plan would take it away again."""

    def create_as_aws_does(api_id: str, document: Document) -> Response:
        if document.get("authorizerType") == "JWT":
            return create(api_id, document | {"authorizerPayloadFormatVersion": ""})
        return create(api_id, document)

    return create_as_aws_does
