"""Where the MQTT broker is, taken apart once.

`mqtt[s]://[user:password@]host[:port][?protocol=3.1.1][&ca_file=PATH][&cert_file=PATH&key_file=PATH]`
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from shared.errors import ConfigError

# How long a session is kept while its client is away, and so how late a message may come again.
SESSION_EXPIRY_S = 7 * 24 * 3600
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PROTOCOLS = {"5": True, "3.1.1": False}
TLS_FILES: Final = ("ca_file", "cert_file", "key_file")
UNESCAPED: Final = "percent-encode @ : / ? # and % in user and password (@ is %40)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """A broker's address. `is_mqtt5` False: MQTT 3.1.1, for brokers that speak no later version (trial only).

    `ca_file` None: the system's certificate authorities; `cert_file` and `key_file`: the client's own certificate.
    """

    host: str
    port: int
    username: str | None
    password: str
    is_secure: bool
    is_mqtt5: bool
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError saying what is wrong with the URL, never repeating it: it may hold a password."""
        parts, port = _taken_apart(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must be mqtt://host[:port] or mqtts://host[:port]")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        protocol = query.get("protocol", "5")
        if protocol not in _PROTOCOLS:
            raise ValueError(f"protocol must be 5 or 3.1.1, not {protocol}")
        ca_file, cert_file, key_file = (_path(query, name) for name in TLS_FILES)
        if parts.scheme == "mqtt" and (ca_file or cert_file or key_file):
            raise ValueError("certificates need mqtts://, not mqtt://")
        if (cert_file is None) != (key_file is None):
            raise ValueError("cert_file and key_file go together")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            username=None if parts.username is None else unquote(parts.username),
            password=unquote(parts.password or ""),
            is_secure=parts.scheme == "mqtts",
            is_mqtt5=_PROTOCOLS[protocol],
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
        )

    def tls_context(self) -> ssl.SSLContext:
        """TLS 1.2 or later, the broker's certificate and name verified; raises ConfigError naming the wrong file."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ConfigError(f"ca_file: {self.ca_file}: {error.strerror or error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file is not None and self.key_file is not None:
            try:
                # Without a password of its own, OpenSSL would ask the terminal for that of an encrypted key.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except OSError as error:
                raise ConfigError(f"cert_file {self.cert_file}, key_file {self.key_file}: {error}") from error
        return context


def with_tls_files(url: str, files: Mapping[str, Path | None]) -> str:
    """The URL with the files named in its query (`TLS_FILES`), unless the URL itself already names one, or has no TLS.

    A certificate and its key are taken together, from one place.
    """
    parts = urlsplit(url)
    if parts.scheme != "mqtts":
        return url
    own = parse_qs(parts.query)
    has_own_certificate = "cert_file" in own or "key_file" in own
    added = [
        f"{name}={quote(str(file), safe='/')}"
        for name, file in files.items()
        if file is not None and name not in own and not (has_own_certificate and name != "ca_file")
    ]
    return parts._replace(query="&".join([*filter(None, [parts.query]), *added])).geturl()


def _taken_apart(url: str) -> tuple[SplitResult, int | None]:
    """The URL's parts and its port. What follows a password with a / or # would be named as port, host or path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"its host or port is none: the port is a number up to 65535; {UNESCAPED}") from error
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"has an @ behind its host; {UNESCAPED}")
    return parts, port


def _path(query: Mapping[str, str], name: str) -> Path | None:
    return Path(query[name]) if name in query else None
