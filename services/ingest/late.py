"""Messages that come another way than from the broker: read and held against the catalog like live ones."""

from collections.abc import Sequence

from services.ingest.batch import Batch
from services.ingest.commit import declared_format
from services.ingest.decode import decode
from services.ingest.inbox import Message
from services.ingest.sparkplug.host import SparkplugHost
from services.ingest.sparkplug.topic import is_ours as is_sparkplug
from services.ingest.validate import validate
from services.ingest.wire import Decoded
from shared.db.catalog import Catalog


def read(
    messages: Sequence[Message],
    catalog: Catalog,
    received_us: int,
    *,
    max_payload_bytes: int,
    sparkplug: SparkplugHost | None = None,
) -> Batch:
    """The batch, for the caller to store. `sparkplug` reads what is in its namespace by the births it knows."""

    def said(message: Message) -> list[Decoded]:
        if sparkplug is not None and is_sparkplug(message.topic):
            return sparkplug.read_again(message, received_us)
        declared = declared_format(message, catalog)
        return [decode(message, declared=declared, received_us=received_us, max_payload_bytes=max_payload_bytes)]

    return validate(messages, said, catalog, received_us, plain_up_to=max_payload_bytes)
