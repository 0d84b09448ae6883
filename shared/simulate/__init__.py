"""Seeded fleets whose faults are known. Pure."""
