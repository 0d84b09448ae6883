"""The device's end of the line: publishes over MQTT 5 at QoS 1 with a bounded number of messages unacknowledged."""

import threading
import time
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from services.devices.kept import Kept, Note
from shared.broker import Broker
from shared.errors import UnavailableError

_KEEPALIVE_S = 60
_CONNECT_LIMIT_S = 15.0
_CLOSE_LIMIT_S = 30.0
_NO_MATCHING_SUBSCRIBERS = 0x10
# What nobody was subscribed to is sent again after this.
_KNOCK_EVERY_S = 1.0


class Publisher:
    """A connection to the broker of `mqtt_url` (see `shared.broker`).

    At most `window` messages (fewer when the broker's receive maximum is lower) are unacknowledged at any time;
    `publish` blocks beyond that, for `patience_s` without a single acknowledgement at the longest. A lost connection
    is made again and what was not acknowledged is sent again, so a message may arrive twice, never not at all.

    An acknowledged message is safe only once the broker has saved its queues. With `keep_s`, at least the broker's
    interval of saving and the time of one save, messages acknowledged so recently are sent again after a reconnect,
    and those that nobody was subscribed to about once a second: then killing the broker loses nothing either.

    Safe to use from several threads. `with` connects, and at its end waits for the last acknowledgements.
    """

    def __init__(
        self,
        mqtt_url: str,
        *,
        client_id: str = "",
        window: int = 1_000,
        patience_s: float = 120.0,
        keep_s: float = 0.0,
    ) -> None:
        broker = Broker.parse(mqtt_url)
        self._host, self._port = broker.host, broker.port
        self._window = window
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._connected = False
        self._accepted = False
        self._outstanding = 0
        self._acknowledged = 0
        self._unheard = 0
        self._kept = Kept(keep_s)
        self._knocked_s = 0.0
        self._refusal: str | None = None
        self._client = self._make_client(client_id, broker)

    def __enter__(self) -> Self:
        """Connect; raises UnavailableError when the broker does not accept within 15 s."""
        try:
            self._client.connect(self._host, self._port, _KEEPALIVE_S)
        except OSError as error:
            raise UnavailableError(f"broker {self._host}:{self._port}: {error}") from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._refusal, _CONNECT_LIMIT_S)
            accepted = self._connected
        if not accepted:
            self._close()
            raise UnavailableError(f"broker {self._host}:{self._port}: {self._refusal or 'no answer'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.drain(_CLOSE_LIMIT_S)
        finally:
            self._close()

    @property
    def acknowledged(self) -> int:
        """Messages the broker has taken over; each time counts for those sent again."""
        return self._acknowledged

    @property
    def unheard(self) -> int:
        """Acknowledgements that said no session was subscribed: the broker has dropped the message."""
        return self._unheard

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand over one message, blocking while the window is full.

        Raises UnavailableError when the broker has refused an earlier message for good, or when nothing was
        acknowledged for `patience_s`.
        """
        self._await_place()
        self._send(Note(topic, payload))

    def drain(self, limit_s: float) -> None:
        """Wait until all is acknowledged; raises UnavailableError naming how many messages are not after `limit_s`."""
        deadline_s = time.monotonic() + limit_s
        while True:
            with self._changed:
                done = self._changed.wait_for(
                    lambda: self._refusal or not (self._outstanding or self._kept.waiting),
                    min(_KNOCK_EVERY_S, deadline_s - time.monotonic()),
                )
                self._raise_refusal()
                if done:
                    return
                if time.monotonic() >= deadline_s:
                    raise UnavailableError(self._overdue(limit_s))
            self._knock()

    def _await_place(self) -> None:
        """Wait until one more message may be under way, which it then counts as."""
        heard_s, before = time.monotonic(), self._heard
        while True:
            self._knock()
            with self._changed:
                self._changed.wait_for(
                    lambda: self._refusal or self._outstanding + self._kept.waiting < self._window,
                    min(_KNOCK_EVERY_S, self._patience_s),
                )
                self._raise_refusal()
                if self._outstanding + self._kept.waiting < self._window:
                    self._outstanding += 1
                    return
                if self._heard != before:
                    heard_s, before = time.monotonic(), self._heard
                elif time.monotonic() - heard_s >= self._patience_s:
                    raise UnavailableError(self._overdue(self._patience_s))

    @property
    def _heard(self) -> int:
        return self._acknowledged - (self._unheard if self._kept else 0)

    def _send(self, note: Note) -> None:
        # Not under the lock: paho calls `_on_publish` with a lock of its own held that this takes.
        mid = self._client.publish(note.topic, note.payload, qos=1).mid
        if self._kept:
            with self._changed:
                self._kept.sent(mid, note)

    def _knock(self) -> None:
        """Send again what nobody was subscribed to, when that was a while ago."""
        if not self._kept:
            return
        with self._changed:
            now_s = time.monotonic()
            if not self._kept.waiting or not self._connected or now_s < self._knocked_s + _KNOCK_EVERY_S:
                return
            self._knocked_s = now_s
            self._kept.repeat_unheard()
        self._send_again()

    def _send_again(self) -> None:
        """As many as the window lets under way; the acknowledgements of these bring on the others."""
        if not self._kept:
            return
        while True:
            with self._changed:
                note = self._kept.next() if self._outstanding < self._window else None
                if note is None:
                    return
                self._outstanding += 1
            self._send(note)

    def _make_client(self, client_id: str, broker: Broker) -> mqtt.Client:
        protocol = MQTTProtocolVersion.MQTTv5 if broker.is_mqtt5 else MQTTProtocolVersion.MQTTv311
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
        client.max_inflight_messages_set(self._window)
        client.reconnect_delay_set(1, 8)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_secure:
            client.tls_set_context(broker.tls_context())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _on_connect(
        self, _client: mqtt.Client, _userdata: object, _flags: mqtt.ConnectFlags, reason: ReasonCode,
        properties: Properties | None,
    ) -> None:  # fmt: skip
        with self._changed:
            if not reason.is_failure:
                if self._accepted:
                    self._kept.repeat_recent(time.monotonic())
                self._connected = self._accepted = True
                self._window = min(self._window, getattr(properties, "ReceiveMaximum", self._window))
            elif not self._accepted:
                self._refusal = f"connection refused: {reason}"
            self._changed.notify_all()
        self._send_again()

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: mqtt.DisconnectFlags, _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:  # fmt: skip
        with self._changed:
            self._connected = False

    def _on_publish(
        self, _client: mqtt.Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        with self._changed:
            self._outstanding -= 1
            if reason.is_failure:
                self._refusal = f"message refused: {reason}"
            else:
                is_heard = reason.value != _NO_MATCHING_SUBSCRIBERS
                self._acknowledged += 1
                self._unheard += not is_heard
                if self._kept:
                    self._kept.acknowledged(mid, is_heard=is_heard, now_s=time.monotonic())
            # Half a window at a time: waking the publishing thread for each place would cost more than the message.
            if self._outstanding == self._window // 2 or self._outstanding == 0 or self._refusal:
                self._changed.notify_all()
        self._send_again()

    def _raise_refusal(self) -> None:
        if self._refusal:
            raise UnavailableError(f"broker {self._host}:{self._port}: {self._refusal}")

    def _overdue(self, limit_s: float) -> str:
        return (
            f"broker {self._host}:{self._port}: {self._outstanding} message(s) unacknowledged after {limit_s:g} s"
            f" ({'connected' if self._connected else 'not connected'})"
        )

    def _close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
