"""The one error base. `retryable` says whether the same call may succeed later."""


class VouchError(Exception):
    """Something a user or operator must know; the message names the field and the reason."""

    retryable = False


class ConfigError(VouchError):
    """A setting is missing or wrong; the message names the variable."""


class NotFoundError(VouchError):
    """What was asked for does not exist, or the asker may not see it."""


class SpecError(VouchError):
    """A declared file (contract, fleet, replay mapping) is refused; `faults` lists every fault."""

    def __init__(self, source: str, faults: "list[Fault]") -> None:
        self.source = source
        self.faults = faults
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{source}: {len(faults)} fault(s)\n{lines}")


class Fault:
    """One thing wrong in a declared file: where (`guarantees[0].level`) and why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"

    def __repr__(self) -> str:
        return f"Fault({self.path!r}, {self.reason!r})"


class UnavailableError(VouchError):
    """The database or the broker cannot be reached now."""

    retryable = True
