"""Whether the service of this container answers: a container runs one, on its own port."""

import os
import sys
import urllib.error
import urllib.request

PORTS = ("VOUCH_INGEST_METRICS_PORT", "VOUCH_ANALYTICS_METRICS_PORT", "VOUCH_API_PORT")


def answers(port: str) -> bool:
    """Whether somebody answers /healthz on this port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=3) as answer:
            return answer.status == 200
    except OSError:
        return False


sys.exit(not any(answers(os.environ[name]) for name in PORTS if os.environ.get(name, "0") != "0"))
