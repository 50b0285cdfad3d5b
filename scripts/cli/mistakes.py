"""Show errors that the user can correct as a message, without a traceback."""

import errno
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as botocore

from scripts.cli.console import err
from scripts.cli.errors import UserError

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html."""
_CREDENTIAL_ERRORS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "403"}
)
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
_BAD_SETTINGS = (
    botocore.InvalidChecksumConfigError,
    botocore.InvalidConfigError,
    botocore.InvalidDefaultsMode,
    botocore.InvalidEndpointDiscoveryConfigurationError,
    botocore.InvalidIMDSEndpointError,
    botocore.InvalidIMDSEndpointModeError,
    botocore.InvalidRetryConfigurationError,
    botocore.InvalidS3UsEast1RegionalEndpointConfigError,
    botocore.InvalidSTSRegionalEndpointsConfigError,
)
_PATH_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""Errors of a path that somebody gave; any other error of the system is a defect."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def mistakes_explained() -> Iterator[None]:
    """Exit with 1 and a message after an error that the user can correct, and with 130 after Ctrl-C.

    Any other error is a defect, and keeps its traceback.
    """
    code = 1
    try:
        yield
    except UserError as error:
        message = str(error)
    except (botocore.ConnectionError, botocore.HTTPClientError) as error:
        message = f"{error}: if that is the embedded AWS, `invoke local-up` says whether it runs"
    except (
        botocore.ProfileNotFound,
        botocore.NoCredentialsError,
        botocore.PartialCredentialsError,
        botocore.CredentialRetrievalError,
    ) as error:
        message = f"AWS credentials could not be loaded: {error}"
    except (botocore.SSOError, botocore.TokenRetrievalError) as error:
        message = f"{error}: sign in again with `aws sso login`"
    except _BAD_SETTINGS as error:
        message = _bad_setting(str(error))
    except botocore.ClientError as error:
        message = _refusal(error)
    except OSError as error:
        message = _system_refusal(error)
    except KeyboardInterrupt as interruption:
        message, code = str(interruption) or "interrupted", INTERRUPTED
    else:
        return
    err.print(message, style="red", markup=False)
    raise SystemExit(code)


def _system_refusal(error: OSError) -> str:
    """Give the message of a full disk or a wrong path; raise any other error of the system again."""
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in _FULL:
        return f"{where}{error.strerror}: make room on the disk, and try again"
    if error.errno in _PATH_ERRORS and where:
        return f"{where}{error.strerror}"
    raise error


def _bad_setting(complaint: str) -> str:
    """Name the variable whose value botocore complains of: its own messages name only the value."""
    names = [
        name
        for name, value in sorted(os.environ.items())
        if name.startswith("AWS_") and value and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", complaint)
    ]
    place = " or ".join(names) or "the AWS settings in ~/.aws/config"
    return f"{complaint.rstrip('.')}: correct or unset {place}"


def _refusal(error: botocore.ClientError) -> str:
    """Give the message of a denial or of bad credentials; raise any other refusal of AWS again."""
    code = error.response["Error"]["Code"]
    if code in _DENIALS:
        return f"{error.operation_name}: these credentials may not do it: {error}"
    if code in _CREDENTIAL_ERRORS:
        return f"AWS does not accept these credentials: {error}"
    raise error
