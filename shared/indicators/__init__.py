"""Versioned formulas over facts. Pure."""
