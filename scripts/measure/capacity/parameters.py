"""The inputs of the capacity model: service times, published limits and the deployment."""

import math
import random
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, TypeAdapter, model_validator

from scripts.cli.json_files import load_json
from scripts.cli.paths import CAPACITY_PARAMETERS_FILE

_Z99 = 2.3263
"""The standard normal distribution's 99th percentile."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Duration(_Model):
    """A lognormal time: it has a long tail, and the two published figures define it."""

    p50_seconds: PositiveFloat
    p99_seconds: PositiveFloat
    per_item_seconds: float = 0.0
    source: str

    @property
    def _sigma(self) -> float:
        return math.log(self.p99_seconds / self.p50_seconds) / _Z99

    def sample(self, dice: random.Random, items: float = 0) -> float:
        return (self.p50_seconds + self.per_item_seconds * items) * math.exp(self._sigma * dice.gauss(0.0, 1.0))

    def mean(self, items: float = 0) -> float:
        return (self.p50_seconds + self.per_item_seconds * items) * math.exp(self._sigma**2 / 2)


class Profile(_Model):
    """The service times of one environment."""

    about: str
    read: Duration
    transact: Duration
    put: Duration
    statement: Duration
    charge: Duration
    put_events: Duration
    invocation: Duration
    ending: Duration
    """The end of an invocation, after its last call: its log."""
    compute: Duration
    """Per message, in a service."""
    relayed_commit: Duration
    """Per commit, in the relay."""
    bus_delivery: Duration
    queue_pickup: Duration
    stream_poll_seconds: float
    stream_shards: PositiveInt | None
    """None: one per partition of the event store's table."""
    transaction_hold_share: float
    """The share of a transaction's time in which no other transaction can have its items."""
    shared_cores: PositiveInt | None
    """Cores that everything shares, as on a laptop. None: nothing waits for a core, as on AWS."""

    @property
    def invocation_mean(self) -> float:
        """Seconds of an invocation beyond the work on its batch."""
        return self.invocation.mean() + self.ending.mean()


class Limit(_Model):
    value: PositiveInt
    what: str
    url: str


class Limits(_Model):
    partition_write_units: Limit
    transactional_factor: Limit
    transaction_items: Limit
    statement_items: Limit
    new_table_write_units: Limit
    table_write_units: Limit
    put_events_entries: Limit
    lambda_concurrency: Limit
    lambda_scaling: Limit
    queue_mapping_concurrency: Limit
    queue_mapping_scaling: Limit
    parallelization_factor: Limit
    messages_in_flight: Limit


class Region(_Model):
    """EventBridge's quotas per second: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html."""

    put_events: PositiveInt
    invocations: PositiveInt


class DeploymentDefaults(_Model):
    region: str
    maximum_concurrency: PositiveInt
    relay_batch_size: PositiveInt
    parallelization_factor: PositiveInt
    visibility_timeout_seconds: PositiveFloat
    memory_gb: PositiveFloat
    event_bytes_an_order: PositiveInt
    """Size of an order's events, which the archives keep."""
    log_bytes_an_invocation: PositiveInt
    log_bytes_an_order: PositiveInt
    """Log of an order beyond that of its invocations."""
    charges_side_by_side: PositiveInt
    calls_side_by_side: PositiveInt
    """Calls of the relay to EventBridge."""


class Parameters(_Model):
    measured_on: str
    profiles: dict[str, Profile]
    limits: Limits
    regions: dict[str, Region]
    deployment: DeploymentDefaults
    conflict_share_aimed_at: PositiveFloat
    utilisation_aimed_at: PositiveFloat

    @model_validator(mode="after")
    def _has_quotas_of_its_region(self) -> Self:
        if self.deployment.region not in self.regions:
            raise ValueError(f"deployment.region is {self.deployment.region}: give its quotas in regions")
        return self


_PARAMETERS = TypeAdapter(Parameters)


def load_parameters(path: Path = CAPACITY_PARAMETERS_FILE) -> Parameters:
    """Raise UserError where the file is not valid."""
    return load_json(path, _PARAMETERS)
