"""Alerts: pure transitions, and their delivery."""
