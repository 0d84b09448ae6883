"""The host application of Sparkplug B: reads messages by the sessions of their nodes and asks for births it misses."""

from typing import Final, NamedTuple

from services.ingest.inbox import Message
from services.ingest.sparkplug import payload, sequence, session, state, topic
from services.ingest.sparkplug.session import Heard, refused
from services.ingest.sparkplug.sources import Sources
from services.ingest.sparkplug.topic import Kind
from services.ingest.wire import Decoded, Fault, quoted
from shared.db import sparkplug
from shared.db.pool import Connection
from shared.db.telemetry import transaction
from shared.instant import SECOND_US
from shared.model.facts import QuarantineReason as Reason
from shared.model.sparkplug import Node, NodeKey

# A node that has a birth to say says it within seconds; asking more often would only add to its load.
REBIRTH_INTERVAL_US: Final = 30 * SECOND_US
# Sources and sensors that were added are seen at once; what was taken away, after this.
_SOURCES_AGE_US: Final = 30 * SECOND_US


class Command(NamedTuple):
    """What the host has to say to the broker."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class SparkplugHost:
    """`begin` before a batch is read, `save` inside its transaction, `committed` after it; then `commands` to publish.

    What `read` changes counts from `committed` on: a batch that is read again begins where it began before. One process
    must read all messages of a node.
    """

    def __init__(self, host_id: str, *, reorder_wait_us: int, max_payload_bytes: int) -> None:
        self.host_id = host_id
        self._wait_us, self._max_payload_bytes = reorder_wait_us, max_payload_bytes
        self._connection: Connection | None = None
        self._version: tuple[int, int] | None = None
        self._sources_us = 0
        self._sources = Sources({})
        self._nodes: dict[NodeKey, Node] = {}
        # Of the batch that is not committed yet.
        self._changed: dict[NodeKey, Node] = {}
        self._batch_ignored_deaths = 0
        self._batch_denies_us = False
        # Nodes that miss a birth and from when on they are to be asked, and when each was last asked.
        self._needy: dict[NodeKey, int] = {}
        self._asked_us: dict[NodeKey, int] = {}
        self._is_denied = False
        self.ignored_deaths = 0
        """Deaths of other sessions than the current one."""
        self.rebirths = 0
        """Births that were asked for."""

    def begin(self, connection: Connection, now_us: int) -> None:
        """Forget what was read and not committed; read sessions and sources where they may be others than we know.

        Raises UnavailableError while the database is away.
        """
        self.rolled_back()
        with transaction(connection):
            if self._connection is None:
                self.load(connection, now_us)
            elif connection is not self._connection:
                # A batch whose COMMIT was not answered is read again, from where it began: whatever the database has
                # of it, what is in memory is from before.
                self._load_sources(connection, now_us)
                self._connection = connection
            elif sparkplug.version(connection) != self._version or now_us - self._sources_us > _SOURCES_AGE_US:
                self._load_sources(connection, now_us)

    def load(self, connection: Connection, now_us: int) -> None:
        """Read sessions and sources, as an earlier process left them."""
        self._load_sources(connection, now_us)
        self._nodes = sparkplug.sessions(connection)
        self._needy.clear()
        self._note_needs(self._nodes)
        self._connection = connection

    def read(self, message: Message, received_us: int) -> list[Decoded]:
        """What a message says of each asset it concerns; never raises for what a device may send."""
        heard = self._heard(message, received_us)
        if not isinstance(heard, Heard):
            return heard
        outcome = session.take(heard, self._node(heard.node), self._sources)
        self._changed[heard.node] = outcome.node
        self._batch_ignored_deaths += outcome.is_ignored_death
        return outcome.decoded

    def read_again(self, message: Message, received_us: int) -> list[Decoded]:
        """What a message out of the quarantine says by what is known now; changes nothing."""
        heard = self._heard(message, received_us)
        return session.again(heard, self._node(heard.node), self._sources) if isinstance(heard, Heard) else heard

    def save(self, connection: Connection) -> None:
        """Save the sessions the batch has changed, inside its transaction."""
        sparkplug.save(connection, self._nodes, self._changed)

    def committed(self) -> None:
        """The batch is in the database: what it changed counts."""
        self._nodes |= self._changed
        self.ignored_deaths += self._batch_ignored_deaths
        self._note_needs(self._changed)
        self._is_denied |= self._batch_denies_us
        self.rolled_back()

    def rolled_back(self) -> None:
        """The batch is not in the database: it was never read."""
        self._changed = {}
        self._batch_ignored_deaths = 0
        self._batch_denies_us = False

    def commands(self, now_us: int) -> list[Command]:
        """What is to be published now: requests for births that are due, and that we are online if something denies it.

        A gap becomes due without any further message: call this every second or so.
        """
        due = [key for key, due_us in self._needy.items() if now_us >= max(due_us, self._next_us(key))]
        self._asked_us |= dict.fromkeys(due, now_us)
        self.rebirths += len(due)
        now_ms = now_us // 1_000
        said = [Command(topic.command(key), payload.rebirth(now_ms), qos=0, retain=False) for key in due]
        if self._is_denied:
            self._is_denied = False
            own = state.messages(self.host_id, now_ms)
            said.append(Command(own.topic, own.birth, qos=1, retain=True))
        return said

    def _load_sources(self, connection: Connection, now_us: int) -> None:
        # The version first: what is added meanwhile shows as a newer one.
        self._version = sparkplug.version(connection)
        self._sources = Sources(sparkplug.sources(connection))
        self._sources_us = now_us

    def _heard(self, message: Message, received_us: int) -> Heard | list[Decoded]:
        """The message of a node that is known, parsed; or what it comes to without that."""
        address = topic.parse(message.topic)
        if address is None:
            return self._of_no_node(message)
        # What is retained is of an earlier session and says nothing of the one there is; commands are not for us.
        if message.retained or address.kind in (Kind.NCMD, Kind.DCMD):
            return []
        if not self._sources.of(address.node):
            return refused(None, Reason.UNKNOWN_ASSET, f"no asset for Sparkplug {quoted(str(address.source))}")
        path = self._sources.path(address.source)
        if len(message.payload) > self._max_payload_bytes:
            detail = f"{len(message.payload)} bytes, at most {self._max_payload_bytes}"
            return refused(path, Reason.PAYLOAD_TOO_LARGE, detail)
        report = payload.parse(message.payload)
        if isinstance(report, Fault):
            return refused(path, report.reason, report.detail)
        return Heard(
            kind=address.kind,
            node=address.node,
            source=address.source,
            report=report,
            received_us=received_us,
            redelivered=message.redelivered,
            wait_us=self._wait_us,
        )

    def _node(self, key: NodeKey) -> Node:
        return self._changed.get(key) or self._nodes.get(key) or Node()

    def _of_no_node(self, message: Message) -> list[Decoded]:
        if not topic.is_state(message.topic):
            return refused(None, Reason.MALFORMED_TOPIC, f"expected {topic.FORM}")
        if message.topic == topic.state(self.host_id) and not message.retained and state.is_death(message.payload):
            # The will of a connection we lost, after we are back: nodes would wait for us in vain.
            self._batch_denies_us = True
        return []

    def _note_needs(self, nodes: dict[NodeKey, Node]) -> None:
        for key, node in nodes.items():
            due_us = sequence.rebirth_due_us(node, self._wait_us)
            if due_us is None:
                self._needy.pop(key, None)
            else:
                self._needy[key] = due_us

    def _next_us(self, key: NodeKey) -> int:
        return self._asked_us[key] + REBIRTH_INTERVAL_US if key in self._asked_us else 0
