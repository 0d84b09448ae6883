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
    "--disable-component-update", "--disable-sync", "--disable-quic", "--hide-scrollbars", "--window-size=1280,1000",
]  # fmt: skip


def main() -> None:
    """Exit code 2 when there is no Chromium, or no overview within five minutes."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("screenshot: no chromium on PATH")
    with tempfile.TemporaryDirectory() as folder:
        # Started as root, the servers run as a user who must be able to enter, or their data go elsewhere.
        Path(folder).chmod(0o755)
        vouch = str(Path(sys.executable).with_name("vouch"))
        demo = subprocess.Popen(
            [vouch, "demo", "--folder", f"{folder}/demo", "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        overdue = threading.Timer(LIMIT_S, demo.send_signal, (signal.SIGINT,))
        overdue.start()
        try:
            url = _overview(demo)
            page, key = url.split("#")
            browser = [chromium, *CHROMIUM, f"--user-data-dir={folder}/profile"]
            # Two visits of one profile: a picture taken while the login leads on to the page is empty.
            _visit([*browser, "--virtual-time-budget=5000", "--dump-dom", f"{page}login?next=/healthz#{key}"])
            _visit([*browser, f"--screenshot={PICTURE}", page])
        finally:
            overdue.cancel()
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=60)


def _visit(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


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
