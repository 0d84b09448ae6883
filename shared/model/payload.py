"""How a device encodes what it says, as an asset model declares it."""

from enum import StrEnum


class Format(StrEnum):
    """A form and its encoding. JSON in any form needs no declaration; a binary format does, unless MQTT names it.

    `json`, `msgpack` and `cbor` carry the plain forms; `senml_json` and `senml_cbor` are RFC 8428.
    """

    JSON = "json"
    MSGPACK = "msgpack"
    CBOR = "cbor"
    SENML_JSON = "senml_json"
    SENML_CBOR = "senml_cbor"
