"""`python -m shared.embedded.remove FOLDER...`: what `make demo-clean` runs; needs nothing but Python."""

import shutil
import sys
from pathlib import Path

from shared.embedded import place
from shared.errors import ConfigError


def remove(folder: Path) -> None:
    """Remove the folder and what lies apart from it; raises ConfigError while a running process holds it."""
    if not folder.exists():
        return
    with place.held(folder):
        apart = place.moved_to(folder)
        if apart is not None and apart.exists():
            shutil.rmtree(apart)
        shutil.rmtree(folder)


if __name__ == "__main__":
    try:
        for argument in sys.argv[1:]:
            remove(Path(argument))
    except ConfigError as refusal:
        sys.exit(str(refusal))
