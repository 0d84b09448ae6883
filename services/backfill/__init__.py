"""Recorded files straight into the database: the devices' reading of files, ingest's rules, and no broker between."""

from services.backfill.main import Order, run

__all__ = ["Order", "run"]
