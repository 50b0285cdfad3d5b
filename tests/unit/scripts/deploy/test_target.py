import os

import pytest

from scripts.cli.errors import UserError
from scripts.cli.mistakes import mistakes_explained
from scripts.deploy.target import Target
from scripts.local.emulator import Emulator

REAL_ACCOUNT = {
    "ENVIRONMENT": "dev",
    "PATH": "/bin",
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/admin",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token",
    "AWS_ENDPOINT_URL_SQS": "https://elsewhere.example",
    "AWS_CONFIG_FILE": "/home/me/.aws/config",
}


@pytest.fixture(autouse=True)
def _emulator_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulator, "running_port", lambda _: 4800)


@pytest.mark.parametrize("environment", ["", "d", "Dev", "1dev", "dev_1", "dev\n", "x" * 21])
def test_an_unusable_environment_name_is_refused_with_an_example(environment: str) -> None:
    with pytest.raises(UserError, match="export ENVIRONMENT=dev"):
        Target.from_environment("local", {"ENVIRONMENT": environment})


def test_an_unset_environment_is_refused() -> None:
    with pytest.raises(UserError, match="ENVIRONMENT"):
        Target.from_environment("local", {})


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(UserError, match="use local or aws"):
        Target.from_environment("moon", REAL_ACCOUNT)


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, "eu-west-2"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_region_comes_from_the_usual_variables(environ: dict[str, str], region: str) -> None:
    assert Target.from_environment("local", {"ENVIRONMENT": "dev", **environ}).region == region


@pytest.mark.parametrize("region", ["eu_west_2", "eu-west-2 ", "eu-west", "EU-WEST-2", "x"])
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_that_is_none_is_named_with_its_variable(variable: str, region: str) -> None:
    with pytest.raises(UserError, match=f"{variable} is '{region}'.*for example eu-west-2"):
        Target.from_environment("local", {"ENVIRONMENT": "dev", variable: region})


@pytest.mark.parametrize("region", ["us-gov-west-1", "ap-southeast-10", "eusc-de-east-1"])
def test_a_region_of_any_partition_is_one(region: str) -> None:
    assert Target.from_environment("local", {"ENVIRONMENT": "dev", "AWS_REGION": region}).region == region


def test_no_other_workspace_or_argument_reaches_terraform() -> None:
    environ = REAL_ACCOUNT | {"TF_WORKSPACE": "foo", "TF_CLI_ARGS": "-lock=false"}
    for target in ("local", "aws"):
        environment = Target.from_environment(target, environ).process_environment()

        assert not [name for name in environment if name.startswith("TF_")]


def test_local_processes_are_given_nothing_of_a_real_account() -> None:
    environment = Target.from_environment("local", REAL_ACCOUNT).process_environment()

    assert {name: value for name, value in environment.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4800",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-2",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert environment["PATH"] == "/bin"


def test_local_clients_use_nothing_of_a_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in REAL_ACCOUNT.items():
        monkeypatch.setenv(name, value)
    target = Target.from_environment("local")

    client = target.client("sqs")

    credentials = target.session().get_credentials()
    assert client.meta.endpoint_url == "http://127.0.0.1:4800"
    assert credentials
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("test", "test", None)


BAD_SETTINGS = (
    *("AWS_DEFAULTS_MODE", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT"),
    *("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_ACCOUNT_ID_ENDPOINT_MODE"),
)


@pytest.mark.parametrize("variable", [*BAD_SETTINGS, "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH"])
def test_a_local_client_reads_no_setting_of_aws(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "bad-value")

    client = Target.from_environment("local", {"ENVIRONMENT": "dev"}).client("s3")

    assert client.meta.endpoint_url == "http://127.0.0.1:4800"


def of_an_account(monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("variable", BAD_SETTINGS)
def test_a_setting_of_aws_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    keys = {name: REAL_ACCOUNT[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    of_an_account(monkeypatch, **keys, **{variable: "bad-value"})

    with pytest.raises(SystemExit), mistakes_explained():
        Target.from_environment("aws", {"ENVIRONMENT": "dev"}).client("s3")

    assert capsys.readouterr().err.endswith(f": correct or unset {variable}\n")


def test_a_setting_of_aws_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    of_an_account(monkeypatch, AWS_METADATA_SERVICE_TIMEOUT="soon")

    with pytest.raises(UserError, match=r"AWS_METADATA_SERVICE_TIMEOUT or .* not a whole number: .*'soon'"):
        Target.from_environment("aws", {"ENVIRONMENT": "dev"}).client("s3")


def test_aws_processes_keep_the_account_and_lose_the_endpoints() -> None:
    environment = Target.from_environment("aws", REAL_ACCOUNT | {"AWS_ENDPOINT_URL": "http://x"}).process_environment()

    assert environment["AWS_PROFILE"] == "production"
    assert environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "true"
    assert not [name for name in environment if name.startswith("AWS_ENDPOINT_URL")]


def test_missing_aws_credentials_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    of_an_account(monkeypatch, AWS_EC2_METADATA_DISABLED="true")

    with pytest.raises(UserError, match="no AWS credentials were found"):
        Target.from_environment("aws", {"ENVIRONMENT": "dev"}).client("sqs")


def test_instances_and_environments_keep_their_state_apart() -> None:
    environs = [{}, {"PULSEQUEUE_INSTANCE": "test"}]
    targets = [Target.from_environment("local", {"ENVIRONMENT": "dev", **environ}) for environ in environs]
    targets += [Target.from_environment("aws", {"ENVIRONMENT": name}) for name in ("dev", "stage")]

    assert len({target.state_folder for target in targets}) == len(targets)


def test_an_instance_name_cannot_leave_the_local_folder() -> None:
    with pytest.raises(UserError, match="PULSEQUEUE_INSTANCE"):
        Target.from_environment("local", {"ENVIRONMENT": "dev", "PULSEQUEUE_INSTANCE": "../.."})
