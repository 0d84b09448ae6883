"""Learns models of remaining life and failure risk, and keeps them in the registry."""
