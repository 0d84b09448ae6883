"""Where the MQTT broker is, taken apart once: `mqtt[s]://[user:password@]host[:port][?protocol=3.1.1]`."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PROTOCOLS = {"5": True, "3.1.1": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """A broker's address. `is_mqtt5` False: MQTT 3.1.1, for brokers that speak no later version (trial only)."""

    host: str
    port: int
    username: str | None
    password: str
    is_secure: bool
    is_mqtt5: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError saying what is wrong with the URL."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must be mqtt://host[:port] or mqtts://host[:port]")
        protocol = parse_qs(parts.query).get("protocol", ["5"])[-1]
        if protocol not in _PROTOCOLS:
            raise ValueError(f"protocol must be 5 or 3.1.1, not {protocol}")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            username=None if parts.username is None else unquote(parts.username),
            password=unquote(parts.password or ""),
            is_secure=parts.scheme == "mqtts",
            is_mqtt5=_PROTOCOLS[protocol],
        )
