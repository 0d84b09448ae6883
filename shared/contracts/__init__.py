"""The contract kernel: YAML to terms, facts to verdicts, verdicts to money and forecast. Pure: no I/O, no clock."""
