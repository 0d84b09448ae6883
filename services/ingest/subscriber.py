"""The first hop, and the only place that knows MQTT: hands (topic, payload, mid) on and acknowledges mids."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from services.ingest.inbox import Message
from shared.broker import Broker
from shared.topics import SUBSCRIPTION

# How long the broker keeps what comes while ingest is away.
SESSION_EXPIRY_S: Final = 7 * 24 * 3600
_KEEPALIVE_S: Final = 30
_MAX_RECONNECT_DELAY_S: Final = 10
_MID_BITS: Final = 16

_log = structlog.get_logger()


class Subscriber:
    """A persistent MQTT session (version 5 where the broker speaks it): QoS 1, acknowledged by the application only.

    A mid means something on its own connection only, so the ones handed out carry the connection's number above
    paho's 16 bits, and `acknowledge` drops those of a connection that is gone: the broker sends their messages again.
    `receive_maximum` bounds what is sent ahead of the acknowledgements. Without it mosquitto reuses packet ids.
    """

    def __init__(
        self,
        *,
        mqtt_url: str,
        client_id: str,
        receive_maximum: int,
        on_message: Callable[[Message], object],
        on_ready: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._on_message, self._on_ready, self._on_lost = on_message, on_ready, on_lost
        self._receive_maximum = receive_maximum
        self._broker = Broker.parse(mqtt_url)
        self._connection = 0
        self._received_count = self._acknowledged_count = 0
        self._acknowledging = threading.Lock()
        self._client = self._make_client(client_id)

    @property
    def unacknowledged(self) -> int:
        """Messages of this connection that wait for their acknowledgement."""
        return self._received_count - self._acknowledged_count

    def start(self) -> None:
        """Connect and keep connected, in paho's own thread; a broker that is not there yet is waited for."""
        broker = self._broker
        if broker.is_mqtt5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.ReceiveMaximum = self._receive_maximum
            self._client.connect_async(broker.host, broker.port, _KEEPALIVE_S, clean_start=False, properties=properties)
        else:
            self._client.connect_async(broker.host, broker.port, _KEEPALIVE_S)
        self._client.loop_start()

    def acknowledge(self, mids: Sequence[int | None]) -> None:
        """Acknowledge messages, in the order they were received; those of an earlier connection are left out."""
        with self._acknowledging:
            for mid in mids:
                if mid is not None and mid >> _MID_BITS == self._connection:
                    self._client.ack(mid & ((1 << _MID_BITS) - 1), 1)
                    self._acknowledged_count += 1

    def stop(self) -> None:
        """Send what is acknowledged, disconnect; the session stays at the broker."""
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self, client_id: str) -> Client:
        broker = self._broker
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if broker.is_mqtt5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if broker.is_mqtt5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_secure:
            client.tls_set()
        client.reconnect_delay_set(min_delay=1, max_delay=_MAX_RECONNECT_DELAY_S)
        client.on_connect = self._connected
        client.on_connect_fail = self._unreached
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        client.on_disconnect = self._disconnected
        return client

    def _connected(
        self, client: Client, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            _log.error("broker_refused", reason=str(reason))
            return
        _log.info("broker_connected", session_present=flags.session_present)
        if self._broker.is_mqtt5:
            # The session keeps what comes while ingest is away; what was retained long ago is no sign of life.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            client.subscribe(SUBSCRIPTION, options=options)
        else:
            client.subscribe(SUBSCRIPTION, qos=1)

    def _unreached(self, _client: Client, _userdata: Any) -> None:
        _log.warning("broker_unreachable", host=self._broker.host)

    def _subscribed(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if reasons[0].is_failure:
            _log.error("subscription_refused", topic=SUBSCRIPTION, reason=str(reasons[0]))
        else:
            self._on_ready()

    def _received(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        mid = None
        if message.qos:
            mid = self._connection << _MID_BITS | message.mid
            self._received_count += 1
        self._on_message(Message(topic, bytes(message.payload), mid, message.dup))

    def _disconnected(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._acknowledging:
            self._connection += 1
            self._received_count = self._acknowledged_count = 0
        self._on_lost()
        _log.info("broker_lost", reason=str(reason))
