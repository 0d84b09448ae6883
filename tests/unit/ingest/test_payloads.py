"""The payloads in tests/data/payloads, each as a device sends it, decode to what lies beside it as `.expected.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.decode import decode
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, instant_us
from shared.instant import from_us
from shared.model.payload import Format

FOLDER = Path(__file__).parents[2] / "data" / "payloads"
EXPECTED = ".expected.json"
PAYLOADS = sorted(path for path in FOLDER.iterdir() if path.is_file() and not path.name.endswith(EXPECTED))
NOW_US = 1_772_366_400_000_000


def told(decoded: Decoded) -> dict[str, Any]:
    return {
        "readings": [
            [from_us(sample.at_us).isoformat(), name, value, (sample.units or {}).get(name)]
            for sample in decoded.samples
            for name, value in sample.values.items()
        ],
        "events": [
            [
                from_us(instant_us(part.event.begins)).isoformat(),
                None if part.event.end is None else from_us(instant_us(part.event.end)).isoformat(),
                part.event.code,
                part.event.text,
            ]
            for part in decoded.events
        ],
        "online": None if decoded.status is None else decoded.status.online,
        "faults": [[fault.reason, fault.detail] for fault in decoded.faults],
    }


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.name)
def test_a_payload_says_what_is_written_beside_it(path: Path) -> None:
    expected = json.loads(path.with_name(path.name + EXPECTED).read_text(encoding="utf-8"))
    topic = f"vouch/v1/lechtal/kempten/c1/{expected['topic']}"
    message = Message(topic, path.read_bytes(), None, content_type=expected["content_type"])
    declared = None if expected["declared"] is None else Format(expected["declared"])
    decoded = decode(message, declared=declared, received_us=NOW_US, max_payload_bytes=1_000)
    keys = ("readings", "events", "online", "faults")
    defaults = {"readings": [], "events": [], "online": None, "faults": []}
    assert told(decoded) == {key: expected.get(key, defaults[key]) for key in keys}


def test_nothing_expected_lacks_its_payload() -> None:
    assert {path.name for path in FOLDER.glob(f"*{EXPECTED}")} == {path.name + EXPECTED for path in PAYLOADS}
