"""The environment variables of other tools: this module alone decides which of them reach a task's programs.

Variables stay that say how something is reached or shown: proxies, certificates, mirrors, credentials, logs. Variables
go that would change what is deployed, tested or written. The module needs nothing but Python.
"""

import locale
import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path

PIP_KEPT = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_KEYRING_PROVIDER"),
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"),
    *("PIP_RETRIES", "PIP_CACHE_DIR", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_CONFIG_FILE"),
)
_KEPT_OF_A_TOOL = {
    "PIP_": PIP_KEPT,
    "TF_": (
        *("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "TF_LOG", "TF_REGISTRY_", "TF_TOKEN_"),
        "TF_VAR_",  # such as TF_VAR_settings, the settings of a development environment
    ),
    "UV_": (
        *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_KEYRING_PROVIDER"),
        *("UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_HTTP_", "UV_REQUEST_TIMEOUT", "UV_OFFLINE"),
        *("UV_CACHE_DIR", "UV_NO_CACHE"),
    ),
    "PYTHON": ("PYTHONUTF8", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
}
"""Of the variables that begin with a tool's prefix, only those that begin with one of these stay."""
_DROPPED = (
    *("AWS_ENDPOINT_URL", "AWS_S3_ENDPOINT", "AWS_DYNAMODB_ENDPOINT", "AWS_IAM_ENDPOINT", "AWS_STS_ENDPOINT"),
    *("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "MYPY", "RUFF_", "ZIZMOR_", "INVOKE_"),
    *("CKV_", "CHECKOV_", "BC_", "PRISMA_"),  # with a key of its maker's platform checkov would send the code there
    *("VIRTUAL_ENV", "CDPATH"),
    # git's hooks export these, and they lead git to another repository (`git rev-parse --local-env-vars`), or give it
    # other settings. Its own files of settings stay, and the programs that give it credentials.
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_OBJECT_"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_TEMPLATE_DIR", "GIT_IMPLICIT_"),
    *("GIT_INTERNAL_", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"),
    *("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"),
)
_DROPPED_NAMES = frozenset({"GIT_CONFIG"})
"""Names that are the beginning of others, which stay."""
_PASS_FOR_A_TERMINAL = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
_OF_A_TEST_RUN = ("PYTEST_", "PULSEQUEUE_")
_READ_AT_START = ("PYTHON", "INVOKE_")
"""Python and invoke have read these before any code of ours runs."""


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that would change what is deployed, tested or written."""
    return {name: value for name, value in environ.items() if not _changes_results(name, value)}


def without_aws(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the clean variables without those of AWS: profiles, keys, tokens, roles, endpoints."""
    return {name: value for name, value in clean(environ).items() if not name.startswith("AWS_")}


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a tool that must read no settings of the user: none of AWS, and no home folder."""
    return without_aws(environ) | {"HOME": os.devnull}


def for_another_checkout(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the clean variables without those of this test run, and of the embedded AWS that it uses."""
    return {name: value for name, value in clean(environ).items() if not name.startswith(_OF_A_TEST_RUN)}


def clean_up() -> None:
    """Clean this process's own environment."""
    _keep(clean(os.environ))


def clean_up_for_tests() -> None:
    """Clean up, and drop the variables that make a pipe pass for a terminal."""
    _keep({name: value for name, value in clean(os.environ).items() if name not in _PASS_FOR_A_TERMINAL})


def _keep(wanted: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(wanted)


def show_any_character() -> None:
    """Show a character that the terminal does not have as a question mark, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def clean_up_or_restart() -> None:
    """Clean up; restart this command if it has read a dropped variable already, or would not read files as UTF-8."""
    wanted = restart_environment(os.environ, locale.getencoding(), sys.stdout.encoding)
    if wanted is not None:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)  # noqa: S606 - no shell on purpose
    clean_up()
    show_any_character()
    check_home()


def check_home() -> None:
    """Exit with a message if there is no home folder: Terraform, the settings of AWS and backups need one."""
    try:
        Path.home()
    except RuntimeError:
        sys.exit(
            "HOME is not set, and this user has no home folder: export HOME=FOLDER, a folder that you can write to"
        )


def restart_environment(
    environ: Mapping[str, str], file_encoding: str, terminal_encoding: str
) -> dict[str, str] | None:
    """Return the environment to restart this command in, or None if no restart is needed."""
    wanted = clean(environ)
    if sys.flags.utf8_mode or file_encoding.lower() in {"utf-8", "utf8"}:
        dropped = environ.keys() - wanted.keys()
        return wanted if any(name.startswith(_READ_AT_START) for name in dropped) else None
    # In UTF-8 mode Python would write UTF-8 to the terminal too.
    return wanted | {"PYTHONUTF8": "1", "PYTHONIOENCODING": f"{terminal_encoding}:replace"}


def _changes_results(name: str, value: str) -> bool:
    if name == "TF_CLI_CONFIG_FILE":
        return not Path(value).exists()  # Terraform would warn of it on every call
    kept = next((kept for prefix, kept in _KEPT_OF_A_TOOL.items() if name.startswith(prefix)), None)
    if kept is not None:
        return not name.startswith(kept)
    return name.startswith(_DROPPED) or name in _DROPPED_NAMES
