"""Versioned formulas over facts. Pure. A published formula never changes: a new rule is a new version beside it."""
