"""Faults that are not the message's: a repetition may succeed."""


class DependencyError(Exception):
    """Something that a service depends on did not do its part."""
