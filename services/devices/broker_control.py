"""Changes at the running broker who may do what: mosquitto's dynamic security plugin, asked over MQTT itself."""

import json
import threading
import uuid
from types import TracebackType
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from shared.broker import Broker
from shared.errors import UnavailableError, VouchError

_TOPIC: Final = "$CONTROL/dynamic-security/v1"
_RESPONSES: Final = f"{_TOPIC}/response"
_KEEPALIVE_S: Final = 30
_LIMIT_S: Final = 15.0

Command = dict[str, Any]


class BrokerControl:
    """A connection of the broker's administrator. `with` connects; raises UnavailableError when it is refused."""

    def __init__(self, mqtt_url: str) -> None:
        broker = Broker.parse(mqtt_url)
        self._where = f"broker {broker.host}:{broker.port}"
        self._host, self._port = broker.host, broker.port
        self._changed = threading.Condition()
        self._is_ready = False
        self._refusal: str | None = None
        self._awaited: str | None = None
        self._responses: list[Command] | None = None
        # A name of its own: two administrators at once must not end each other's connection.
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"vouch-admin-{uuid.uuid4().hex}",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_secure:
            client.tls_set_context(broker.tls_context())
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_publish, client.on_message = (
            self._on_subscribe,
            self._on_publish,
            self._on_message,
        )
        self._client = client

    def __enter__(self) -> Self:
        """Connect and wait until answers can arrive."""
        try:
            self._client.connect(self._host, self._port, _KEEPALIVE_S)
        except OSError as error:
            raise UnavailableError(f"{self._where}: {error}") from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._is_ready or self._refusal, _LIMIT_S)
            if self._is_ready:
                return self
        self._close()
        raise UnavailableError(f"{self._where}: {self._refusal or 'no answer'}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def execute(self, commands: list[Command], *, tolerated: frozenset[str] = frozenset()) -> list[Command]:
        """Have the broker carry out the commands, in order; what each answered.

        Raises VouchError naming the first command that failed with an error that is not `tolerated` (those after it
        are carried out all the same), UnavailableError when no answer comes: what was done is then not known.
        """
        correlation = uuid.uuid4().hex
        asked = [{**command, "correlationData": correlation} for command in commands]
        with self._changed:
            self._awaited, self._responses = correlation, None
            self._client.publish(_TOPIC, json.dumps({"commands": asked}), qos=1)
            self._changed.wait_for(lambda: self._responses is not None or self._refusal, _LIMIT_S)
            self._awaited = None
            responses = self._answer()
        if responses is None:
            raise UnavailableError(f"{self._where}: {self._refusal or 'no answer of the dynamic security plugin'}")
        for response in responses:
            if "error" in response and response["error"] not in tolerated:
                raise VouchError(f"{self._where}: {response['command']}: {response['error']}")
        return responses

    def _on_connect(
        self, client: mqtt.Client, _userdata: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._refuse(f"connection refused: {reason}")
        else:
            client.subscribe(_RESPONSES, qos=1)

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if reasons[0].is_failure:
            self._refuse(f"is not the broker's administrator: {reasons[0]}")
            return
        with self._changed:
            self._is_ready = True
            self._changed.notify_all()

    def _on_publish(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        # An acknowledgement that nobody listened is success: the plugin is no subscriber.
        if reason.is_failure:
            self._refuse(f"command refused: {reason}")

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        responses = json.loads(message.payload).get("responses", [])
        with self._changed:
            # An answer that names no question is to one the plugin could not read.
            if responses and responses[0].get("correlationData", self._awaited) == self._awaited:
                self._responses = responses
                self._changed.notify_all()

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: mqtt.DisconnectFlags, reason: ReasonCode,
        _properties: object,
    ) -> None:  # fmt: skip
        self._refuse(f"connection lost: {reason}")

    def _answer(self) -> list[Command] | None:
        return self._responses

    def _refuse(self, reason: str) -> None:
        with self._changed:
            self._refusal = self._refusal or reason
            self._changed.notify_all()

    def _close(self) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # A client that nothing refers to any more closes its sockets itself; its callbacks refer to us, and we to it.
        client.on_connect = client.on_disconnect = client.on_subscribe = client.on_publish = client.on_message = None
