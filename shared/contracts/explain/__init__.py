"""A contract in plain words, with examples that the kernel itself computes."""

from shared.contracts.explain.contract import WIDTH, explain

__all__ = ["WIDTH", "explain"]
