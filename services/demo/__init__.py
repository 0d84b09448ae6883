"""Everything on one machine with a simulated fleet; no service itself: it starts them as processes of their own."""

from services.demo.main import run

__all__ = ["run"]
