"""Finds what is not normal."""
