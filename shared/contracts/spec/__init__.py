"""A contract file to a Contract. First of the kernel: nothing past it sees YAML."""

from shared.contracts.spec.contract import parse

__all__ = ["parse"]
