"""What an installed package requires of others."""

from importlib.metadata import Distribution

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name


def requirements_of(distribution: Distribution) -> set[NormalizedName]:
    """The packages that it requires on some platform, without those of its extras, which nobody asks for."""
    required = map(Requirement, distribution.requires or [])
    return {canonicalize_name(each.name) for each in required if "extra" not in str(each.marker)}
