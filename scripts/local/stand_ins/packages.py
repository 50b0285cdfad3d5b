"""A stand-in for what a function's worker can import beside its zip: on AWS, what the Lambda runtime brings."""

RUNTIME_PACKAGES = frozenset({"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"})
"""What the Lambda runtime brings: boto3 and all that it requires."""

_HIDE_THE_REST = """
def _hide_the_emulators_packages():
    import sys, sysconfig
    from importlib.machinery import PathFinder
    folders = {{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}}
    runtime = {runtime}

    class WithoutTheEmulators(PathFinder):
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            if path is None and name not in runtime:
                path = [folder for folder in sys.path if folder not in folders]
            return PathFinder.find_spec(name, path, target)

    sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTheEmulators

_hide_the_emulators_packages()
"""


def only_the_runtimes_packages(worker_script: str) -> str:
    """Let a worker import from the emulator's environment nothing but the runtime's packages.

    MiniStack runs workers on its own interpreter: a zip that lacks `cryptography` would do here, and fail on AWS.
    """
    return _HIDE_THE_REST.format(runtime=sorted(RUNTIME_PACKAGES)) + worker_script
