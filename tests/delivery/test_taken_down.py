"""The end of a deployment. It takes it down, so it comes last."""

import pytest

from scripts.cli.errors import UserError
from scripts.deploy import destroy
from scripts.deploy.deployment import Deployment
from scripts.deploy.generated_secrets import METRICS_TOKEN, read
from scripts.deploy.target import Target

TABLE = "module.pulsequeue.module.inventory_table.aws_dynamodb_table.this"


def test_the_environment_is_taken_down_once_nothing_protects_it(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    client, table = target.client("dynamodb"), Deployment.of(target).tables.inventory
    client.update_table(TableName=table, DeletionProtectionEnabled=True)

    with pytest.raises(UserError, match="deletion protection is on") as refused:
        destroy.destroy_environment(target, target.environment)
    assert TABLE in str(refused.value)
    assert table in client.list_tables()["TableNames"]
    client.update_table(TableName=table, DeletionProtectionEnabled=False)
    destroy.destroy_environment(target, target.environment)

    assert client.list_tables()["TableNames"] == []
    assert target.client("sqs").list_queues().get("QueueUrls", []) == []
    with pytest.raises(UserError, match="nothing is deployed as test"):
        Deployment.of(target)
    assert read(target, METRICS_TOKEN.name)
    remains = capsys.readouterr().out.partition("what remains of test:")[2]
    assert "pulsequeue-test-terraform-state" in remains
    assert "/test/metrics-token" in remains
