from tests.unit.conftest import aws

__all__ = ["aws"]
