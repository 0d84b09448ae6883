"""The first hop: an MQTT session that fills the inbox and acknowledges what is committed."""

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from services.ingest.inbox import Inbox, Message
from services.ingest.sparkplug.state import State
from services.ingest.tap import TappedClient
from shared.broker import SESSION_EXPIRY_S, Broker

_KEEPALIVE_S: Final = 30
_MAX_RECONNECT_DELAY_S: Final = 10
_FAREWELL_S: Final = 2.0
_MID_BITS: Final = 16
_MID_MASK: Final = (1 << _MID_BITS) - 1

_log = structlog.get_logger()


class Subscriber:
    """A persistent MQTT session (version 5 where the broker speaks it): QoS 1, acknowledged by the application only.

    A mid means something on its own connection only, so the ones handed out carry the connection's number above
    their 16 bits, and `acknowledge` drops those of a connection that is gone: the broker sends their messages again.
    `receive_maximum` bounds what is sent ahead of the acknowledgements. Without it mosquitto reuses packet ids.

    Messages are taken out of paho's socket in bulk (`services.ingest.tap`). Where that is not wanted (`is_tapping`
    False), or the tap meets a stream it does not understand, paho hands them over one by one: slower, else the same.
    `own_state` is what a Sparkplug host says of itself: born when it listens, dead by its last will or as it leaves.
    """

    def __init__(
        self,
        *,
        mqtt_url: str,
        client_id: str,
        subscriptions: Sequence[str],
        receive_maximum: int,
        is_tapping: bool,
        inbox: Inbox,
        on_received: Callable[[Sequence[Message]], None],
        on_ready: Callable[[], None],
        on_lost: Callable[[], None],
        own_state: Callable[[], State] | None = None,
    ) -> None:
        self._inbox, self._on_received, self._on_ready, self._on_lost = inbox, on_received, on_ready, on_lost
        self._subscriptions, self._receive_maximum = subscriptions, receive_maximum
        self._broker = Broker.parse(mqtt_url)
        self._own_state = own_state
        self._said: State | None = None
        self._connection = 0
        self._is_ready = False
        self._acknowledging = threading.Lock()
        self._received_count = self._acknowledged_count = 0
        self._client = self._make_client(client_id)
        self._client.is_tapping = is_tapping

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and subscribed."""
        return self._is_ready

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
        tap = self._client.tap
        if tap is not None:
            sent = tap.acknowledge(mids)
            with self._acknowledging:
                if tap is self._client.tap:
                    self._acknowledged_count += sent
            return
        with self._acknowledging:
            for mid in mids:
                if mid is not None and mid >> _MID_BITS == self._connection:
                    self._client.ack(mid & _MID_MASK, 1)
                    self._acknowledged_count += 1

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Send a message, now or when the broker is back."""
        self._client.publish(topic, payload, qos, retain)

    def has_room(self) -> bool:
        """For the tap: whether more may be read."""
        return self._inbox.has_room()

    def receive(self, messages: list[Message], size: int) -> None:
        """From the tap: messages in the order they came."""
        self._received_count += sum([message.mid is not None for message in messages])
        self._on_received(messages)
        self._inbox.put(messages, size)

    def stop(self) -> None:
        """Send what is acknowledged, disconnect; the session stays at the broker."""
        self._client.on_disconnect = None
        if self._own_state is not None and self._is_ready:
            leaving = self._own_state()
            said = self._client.publish(leaving.topic, leaving.death, qos=1, retain=True)
            with suppress(RuntimeError):  # the connection was lost meanwhile: the broker tells it by the will
                said.wait_for_publish(_FAREWELL_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self, client_id: str) -> TappedClient:
        broker = self._broker
        client = TappedClient(
            CallbackAPIVersion.VERSION2,
            receiver=self,
            opening=self._opening,
            client_id=client_id,
            clean_session=None if broker.is_mqtt5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if broker.is_mqtt5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_secure:
            client.tls_set_context(broker.tls_context())
        client.reconnect_delay_set(min_delay=1, max_delay=_MAX_RECONNECT_DELAY_S)
        client.on_connect = self._connected
        client.on_connect_fail = self._unreached
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        client.on_disconnect = self._disconnected
        return client

    def _opening(self) -> int:
        """A new connection begins: what came by the one before is nobody's to acknowledge any more."""
        self._leave()
        if self._own_state is not None:
            self._said = self._own_state()
            self._client.will_set(self._said.topic, self._said.death, qos=1, retain=True)
        return self._connection << _MID_BITS

    def _leave(self) -> None:
        self._is_ready = False
        with self._acknowledging:
            self._connection += 1
            self._received_count = self._acknowledged_count = 0
        self._inbox.discard()

    def _connected(
        self, client: Client, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            _log.error("broker_refused", reason=str(reason))
            return
        _log.info("broker_connected", session_present=flags.session_present, is_tapping=self._client.is_tapping)
        if self._broker.is_mqtt5:
            # The session keeps what comes while ingest is away; what is retained is of use to a new session only.
            options = SubscribeOptions(
                qos=1, retainAsPublished=False, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            )
            client.subscribe([(topic, options) for topic in self._subscriptions])
        else:
            client.subscribe([(topic, 1) for topic in self._subscriptions])

    def _unreached(self, _client: Client, _userdata: Any) -> None:
        # paho calls this while it handles the exception, and does not hand it over.
        _log.warning("broker_unreachable", host=self._broker.host, reason=str(sys.exc_info()[1]))

    def _subscribed(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [
            (topic, str(reason))
            for topic, reason in zip(self._subscriptions, reasons, strict=True)
            if reason.is_failure
        ]
        for topic, reason in refused:
            _log.error("subscription_refused", topic=topic, reason=reason)
        if not refused:
            self._is_ready = True
            if self._said is not None:
                self.publish(self._said.topic, self._said.birth, qos=1, retain=True)
            self._on_ready()

    def _received(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = message._topic.decode(errors="replace")
        while not self._inbox.has_room() and not self._inbox.is_closed:
            pass
        mid = self._connection << _MID_BITS | message.mid if message.qos else None
        content_type = getattr(message.properties, "ContentType", None)
        payload = bytes(message.payload)
        said = Message(topic, payload, mid, message.dup, content_type, message.retain)
        self.receive([said], len(payload) + len(topic) + len(content_type or ""))

    def _disconnected(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._leave()
        self._on_lost()
        if str(reason) == "Session taken over":
            # Two processes with one client id take it from each other again and again.
            client_id = self._client._client_id.decode()
            _log.error("session_taken_over", client_id=client_id, hint="another process uses VOUCH_INGEST_CLIENT_ID")
        else:
            _log.info("broker_lost", reason=str(reason))
