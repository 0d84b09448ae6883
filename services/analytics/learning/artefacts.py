"""Registry, its edge: trained models as bytes in the format of skops and back. The same model gives the same bytes.

skops names every type that a file holds and loads only those that are trusted; nothing is unpickled, nothing executed.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from shared.errors import VouchError

_SCHEMA: Final = "schema.json"
# The types beyond numpy arrays, plain values and scikit-learn's estimators that our models are made of. Trees hold the
# numbers of nodes that are followed without a look at their bounds: hence the hash before anything is read.
TRUSTED: Final = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class LoadError(VouchError):
    """An artefact is refused: not the registered bytes, not in the format, or with types that are not trusted."""


def dumps(parts: Mapping[str, Any]) -> bytes:
    """Lists, dicts, plain values, arrays and estimators as bytes, which equal parts share."""
    return _canonical(skops.io.dumps(dict(parts)))


def loads(artefact: bytes, sha256: str) -> dict[str, Any]:
    """The parts of an artefact; raises LoadError, with nothing loaded, unless its SHA-256 is the registered one."""
    actual = hashlib.sha256(artefact).hexdigest()
    if actual != sha256:
        raise LoadError(f"the artefact's SHA-256 is {actual}, registered was {sha256}")
    try:
        parts = skops.io.loads(artefact, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise LoadError(f"the artefact holds types that are not trusted: {error}") from error
    except Exception as error:
        raise LoadError(f"the artefact cannot be read: {error}") from error
    if not isinstance(parts, dict):
        raise LoadError(f"the artefact holds {type(parts).__name__}, not a model")
    return parts


def digest(blocks: Sequence[bytes]) -> str:
    """SHA-256 over blocks, each with its length before it, so that none can flow into the next."""
    whole = hashlib.sha256()
    for block in blocks:
        whole.update(len(block).to_bytes(8, "big"))
        whole.update(block)
    return whole.hexdigest()


def _canonical(artefact: bytes) -> bytes:
    """Without times, and with numbers in order of appearance where skops writes addresses in memory."""
    with zipfile.ZipFile(io.BytesIO(artefact)) as given:
        schema = json.loads(given.read(_SCHEMA))
        renamed: dict[str, str] = {}
        schema = _numbered(schema, renamed, {})
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in [
                (_SCHEMA, json.dumps(schema, indent=2).encode()),
                *((renamed.get(old, old), given.read(old)) for old in (*renamed, *_others(given, renamed))),
            ]:
                made.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _others(given: zipfile.ZipFile, renamed: Mapping[str, str]) -> list[str]:
    return sorted(set(given.namelist()) - {_SCHEMA, *renamed})


def _numbered(node: Any, files: dict[str, str], ids: dict[int, int]) -> Any:
    if isinstance(node, list):
        return [_numbered(each, files, ids) for each in node]
    if not isinstance(node, dict):
        return node
    numbered: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__" and isinstance(value, int):
            numbered[key] = ids.setdefault(value, len(ids) + 1)
        elif key == "file" and isinstance(value, str):
            stem, dot, suffix = value.rpartition(".")
            numbered[key] = files.setdefault(value, f"{len(files)}{dot}{suffix}" if stem else value)
        else:
            numbered[key] = _numbered(value, files, ids)
    return numbered
