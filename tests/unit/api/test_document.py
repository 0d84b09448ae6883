"""The wire schema of an assessment's document: what the kernel makes goes through it without a byte changed."""

import json
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.api.schemas.document import Document
from services.api.web import chart, present
from shared.contracts import spec
from shared.contracts.document import as_document, digest
from shared.contracts.forecast import Evidence
from shared.contracts.periods import periods
from shared.instant import HOUR_US
from shared.model.facts import Category, Party
from tests.unit.api.agreement import CONTRACT
from tests.unit.contracts.judging import judge

Key = tuple[Category, str, Party]

KEYS = st.tuples(st.sampled_from(Category), st.sampled_from(["running", "grid", "no_data"]), st.sampled_from(Party))
KNOWN = st.dictionaries(KEYS, st.integers(0, 40 * HOUR_US), max_size=8)
EVIDENCE = st.none() | st.builds(
    Evidence,
    up_us=st.integers(24 * HOUR_US, 10**15),
    down_us=st.integers(0, 10**13),
    failures=st.integers(0, 300),
    down_now=st.integers(0, 1),
)


@given(
    known=KNOWN,
    hours=st.integers(0, 744),
    evidence=EVIDENCE,
    quantities=st.sampled_from([{}, {"actual_output_mwh": Decimal("1234.5")}]),
    index=st.integers(0, 1),
)
def test_every_document_of_the_kernel_keeps_its_digest_on_the_wire(
    known: Mapping[Key, int], hours: int, evidence: Evidence | None, quantities: Mapping[str, Decimal], index: int
) -> None:
    contract = spec.parse(CONTRACT, "contract")
    january = periods(contract)[0]
    as_of_us = min(january.end_us, january.start_us + max(hours * HOUR_US, sum(known.values())))
    assessment = judge(contract, known, as_of_us=as_of_us, guarantee=index, evidence=evidence, quantities=quantities)
    document = as_document(assessment, contract.zone)

    sent = json.loads(Document.model_validate(document).model_dump_json())
    assert sent == json.loads(json.dumps(document))
    assert digest(sent) == digest(document)

    bars = chart.categories(document)
    assert abs(sum(bar.width for bar in bars) - (100 if bars else 0)) < 0.1
    assert present.verdict(document)
    scale = chart.gauge(document)
    marks = [scale.level, scale.achieved, scale.low, scale.high]
    assert all(-1e-9 <= mark <= 100 + 1e-9 for mark in marks if mark is not None)
