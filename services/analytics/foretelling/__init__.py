"""Foretells failures of machines on their grid of instants, and gives notice of them."""
