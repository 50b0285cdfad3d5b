"""Where things run: an AWS account, or the embedded AWS on this machine."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.session import Session as BotocoreSession

from scripts.cli.environment import clean, without_aws
from scripts.cli.errors import UserError
from scripts.cli.paths import AWS_STATE_FOLDER
from scripts.local.emulator import Emulator

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cognito_idp import CognitoIdentityProviderClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_iam import IAMClient
    from types_boto3_kms import KMSClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient
    from types_boto3_sts import STSClient

DEFAULT_REGION = "eu-west-2"
_ENVIRONMENT_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,19}")
_REGION_PATTERN = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")
# The embedded AWS takes this pair for the account's root, and no real AWS takes it for anything.
_LOCAL_KEY = "test"


@dataclass(frozen=True)
class Target:
    name: str
    environment: str
    region: str = DEFAULT_REGION
    emulator: Emulator = field(default_factory=Emulator)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_environment(cls, name: str, environ: Mapping[str, str] = os.environ) -> "Target":
        if name not in ("local", "aws"):
            raise UserError(f"there is no target {name!r}: use local or aws")
        environment = environ.get("ENVIRONMENT", "")
        if not _ENVIRONMENT_PATTERN.fullmatch(environment):
            seen = repr(environment) if environment else "not set"
            raise UserError(
                f"ENVIRONMENT is {seen}: name the environment, 2 to 20 of a-z, 0-9 and -, a letter first, "
                "for example `export ENVIRONMENT=dev`"
            )
        return cls(name, environment, _region(environ), Emulator.from_environment(environ), environ)

    @property
    def is_local(self) -> bool:
        return self.name == "local"

    @property
    def state_folder(self) -> Path:
        """The folder of the environment's own files: plan, outputs, monitoring."""
        return (self.emulator.folder / "environments" if self.is_local else AWS_STATE_FOLDER) / self.environment

    @property
    def endpoint_url(self) -> str | None:
        return f"http://127.0.0.1:{self.emulator.running_port()}" if self.is_local else None

    @cached_property
    def prefix(self) -> str:
        """The prefix of names; on AWS with the account, as all accounts share one space of bucket names."""
        prefix = f"pulsequeue-{self.environment}"
        if self.is_local:
            return prefix
        return f"{prefix}-{self.client('sts').get_caller_identity()['Account']}"

    def process_environment(self) -> dict[str, str]:
        """Return the environment of child processes; a local one can reach no real account."""
        if self.is_local:
            return local_environment(self.environ, self.region, self.endpoint_url or "")
        # A profile in ~/.aws may name an endpoint too.
        return clean(self.environ) | {"AWS_REGION": self.region, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}

    def session(self) -> boto3.Session:
        return self._session

    @cached_property
    def _session(self) -> boto3.Session:
        if not self.is_local:
            session = boto3.Session(region_name=self.region)
            if not _has_credentials(session):
                raise UserError(
                    "no AWS credentials were found: sign in with `aws sso login` and set AWS_PROFILE, "
                    "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and try again"
                )
            return session
        # Local calls must not depend on a profile, a variable or a setting in ~/.aws: none is read.
        defaults = {name: (None, None, *rest) for name, (_, _, *rest) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
        files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        core = BotocoreSession(defaults | files)
        core.get_component("config_store").set_config_variable("s3", {})
        return boto3.Session(_LOCAL_KEY, _LOCAL_KEY, region_name=self.region, botocore_session=core)

    @overload
    def client(self, service: Literal["cloudwatch"]) -> "CloudWatchClient": ...
    @overload
    def client(self, service: Literal["cognito-idp"]) -> "CognitoIdentityProviderClient": ...
    @overload
    def client(self, service: Literal["dynamodb"]) -> "DynamoDBClient": ...
    @overload
    def client(self, service: Literal["events"]) -> "EventBridgeClient": ...
    @overload
    def client(self, service: Literal["iam"]) -> "IAMClient": ...
    @overload
    def client(self, service: Literal["kms"]) -> "KMSClient": ...
    @overload
    def client(self, service: Literal["lambda"]) -> "LambdaClient": ...
    @overload
    def client(self, service: Literal["logs"]) -> "CloudWatchLogsClient": ...
    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...
    @overload
    def client(self, service: Literal["sns"]) -> "SNSClient": ...
    @overload
    def client(self, service: Literal["sqs"]) -> "SQSClient": ...
    @overload
    def client(self, service: Literal["ssm"]) -> "SSMClient": ...
    @overload
    def client(self, service: Literal["sts"]) -> "STSClient": ...

    def client(self, service: Any) -> object:
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            # Calls must go to the same place as Terraform's, whatever endpoint the environment names.
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # the stubs lack it
        )
        if self.is_local:
            # This machine reaches itself without a proxy. The embedded S3 knows buckets by path, not by host name.
            config = config.merge(Config(proxies={}, s3={"addressing_style": "path"}))
        return self._session.client(service, endpoint_url=self.endpoint_url, config=config)


def _has_credentials(session: boto3.Session) -> bool:
    try:
        return session.get_credentials() is not None
    except ValueError as error:
        raise UserError(
            f"AWS_METADATA_SERVICE_TIMEOUT or AWS_METADATA_SERVICE_NUM_ATTEMPTS is not a whole number: {error}"
        ) from error


def _region(environ: Mapping[str, str]) -> str:
    variable = next((name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if environ.get(name)), None)
    region = environ[variable] if variable else DEFAULT_REGION
    if not _REGION_PATTERN.fullmatch(region):
        raise UserError(
            f"{variable} is {region!r}, not the name of a region: write it as AWS does, for example eu-west-2"
        )
    return region


def local_environment(environ: Mapping[str, str], region: str, endpoint_url: str) -> dict[str, str]:
    return without_aws(environ) | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": _LOCAL_KEY,
        "AWS_SECRET_ACCESS_KEY": _LOCAL_KEY,
        "AWS_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
