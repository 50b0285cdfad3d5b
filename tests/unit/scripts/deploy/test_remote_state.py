import json

from scripts.deploy.plan.model import State
from scripts.deploy.remote_state import read_state, state_bucket
from scripts.deploy.target import Target
from tests.unit.conftest import REGION, Aws


def test_a_state_is_known_by_its_lineage_and_serial(aws: Aws) -> None:
    del aws  # which stands for the account
    target = Target("aws", "dev", REGION)
    s3, bucket = target.client("s3"), state_bucket(target)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})

    assert read_state(target) == State()
    state = {"version": 4, "lineage": "l", "serial": 4, "resources": []}
    s3.put_object(Bucket=bucket, Key="dev/terraform.tfstate", Body=json.dumps(state).encode())
    assert read_state(target) == State("l", 4)
