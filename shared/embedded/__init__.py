"""A private database and broker for one machine: `start` gives their URLs to the demo and to the tests."""

from shared.embedded.servers import Servers, start

__all__ = ["Servers", "start"]
