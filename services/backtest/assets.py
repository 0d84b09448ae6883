"""How the files of a backtest may call a machine, and the name under which the kernel knows it."""

from collections import Counter

from shared.contracts.terms import Contract


class Assets:
    """The machines of a contract and their parts: `L7`, `L7/filler`, and `filler` where only one line has it."""

    def __init__(self, contract: Contract) -> None:
        bare = Counter([*contract.assets, *(part for machine in contract.machines for part in machine.parts)])
        self._shared = {name for name, times in bare.items() if times > 1}
        self._names = {name: name for name in contract.assets}
        for machine in contract.machines:
            for part in machine.parts:
                name = f"{machine.name}/{part}"
                self._names[name] = name
                if part not in self._shared:
                    self._names[part] = name
        self._contract = contract

    def named(self, cell: str) -> str:
        """The kernel's name; ValueError says why there is none."""
        name = self._names.get(cell)
        if name is not None:
            return name
        if cell in self._shared:
            raise ValueError(f"{cell!r} is a part of more than one machine; write machine/part")
        raise ValueError(f"{cell!r} is no machine of contract {self._contract.id}, nor a part of one")

    def named_or_all(self, cell: str) -> str:
        """As `named`; an empty cell or the contract's id is the contract as a whole."""
        return self._contract.id if cell in {"", self._contract.id} else self.named(cell)
