"""Takes the README's picture: starts the demo in a folder of its own and photographs its overview with Chromium."""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PICTURE = Path(__file__).parent / "overview.png"
LIMIT_S = 300
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--hide-scrollbars", "--window-size=1280,900",
    "--virtual-time-budget=8000", "--force-device-scale-factor=1",
]  # fmt: skip


def main() -> None:
    """Exit code 2 when there is no Chromium, or no overview within five minutes."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("screenshot: no chromium on PATH")
    with tempfile.TemporaryDirectory() as folder:
        vouch = str(Path(sys.executable).with_name("vouch"))
        demo = subprocess.Popen(
            [vouch, "demo", "--folder", f"{folder}/demo", "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        overdue = threading.Timer(LIMIT_S, demo.send_signal, (signal.SIGINT,))
        overdue.start()
        try:
            url = _overview(demo)
            command = [chromium, *CHROMIUM, f"--user-data-dir={folder}/profile", f"--screenshot={PICTURE}", url]
            subprocess.run(command, check=True, timeout=120, stderr=subprocess.DEVNULL)
        finally:
            overdue.cancel()
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=60)


def _overview(demo: subprocess.Popen[str]) -> str:
    """The page's address once live alerts have come: the first of them names a guarantee at risk."""
    url = None
    for line in demo.stdout or ():
        if found := re.search(r"overview: (http\S+)", line):
            url = found[1]
        if url and line.startswith("alert"):
            return url
    sys.exit("screenshot: the demo ended before it showed its overview")


if __name__ == "__main__":
    main()
