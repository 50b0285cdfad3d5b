from scripts.cli.paths import DIST
from scripts.lambdas_config import LAMBDAS
from tests.integration.world import World

_LARGEST_BYTES = 6_000_000


def test_no_zip_is_larger_than_6_mb(world: World) -> None:
    sizes = {config.name: (DIST / world.target.name / f"{config.name}.zip").stat().st_size for config in LAMBDAS}

    assert {name: size for name, size in sizes.items() if size > _LARGEST_BYTES} == {}
