"""The read and decide side: the only service that knows FastAPI."""
