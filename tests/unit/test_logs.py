"""Every line a process logs is one JSON object, whoever logged it."""

import json
import subprocess
import sys

SAYS = """
import logging, structlog
from shared.logs import configure
configure("json")
structlog.get_logger().info("ingest_ready", client_id="a")
logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", "refused", extra={"attempt": 2})
logging.getLogger("uvicorn.error").info("not worth a line")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("asyncio").exception("task failed")
"""


def test_libraries_log_in_the_same_form_and_only_what_is_worth_it() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    ours, pool, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert ours["event"] == "ingest_ready"
    assert (pool["event"], pool["logger"], pool["level"]) == (
        "error connecting in 'pool-1': refused", "psycopg.pool", "warning",
    )  # fmt: skip
    assert pool["attempt"] == 2
    assert pool["timestamp"].endswith("Z")
    assert (failed["event"], failed["level"]) == ("task failed", "error")
    assert "ZeroDivisionError" in failed["exception"]
