"""What is stored as files: readings or events, straight from the database."""

from services.export.main import Order, run

__all__ = ["Order", "run"]
