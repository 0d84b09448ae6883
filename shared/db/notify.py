"""The NOTIFY channels through which services wake each other; the payload is always empty, the tables tell the rest."""

from typing import Final

# ingest -> analytics: something is dirty.
DIRTY: Final = "vouch_dirty"
# analytics -> api: assessments or alerts changed.
JUDGED: Final = "vouch_judged"
# analytics -> delivery: an alert waits to be sent.
OUTBOX: Final = "vouch_outbox"
