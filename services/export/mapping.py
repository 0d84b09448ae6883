"""The mapping with which `vouch backfill` reads an exported file of readings again. Pure."""

from collections.abc import Sequence
from typing import Any

import yaml

from shared.db.export import Series


def mapping(file: str, listed: Sequence[Series]) -> str:
    """One source for each sensor of each site, as YAML."""
    machines: dict[tuple[str, str, str], list[str]] = {}
    for one in listed:
        customer, site, _ = one.asset.split("/")
        machines.setdefault((customer, site, one.sensor), []).append(one.asset)
    sources = [_source(file, customer, site, sensor, paths) for (customer, site, sensor), paths in machines.items()]
    return yaml.safe_dump({"sources": sources}, sort_keys=False, allow_unicode=True)


def _source(file: str, customer: str, site: str, sensor: str, paths: list[str]) -> dict[str, Any]:
    slugs = {path: path.rpartition("/")[2] for path in paths}
    return {
        "files": [file],
        "asset": {"customer": customer, "site": site, "column": "asset", "values": slugs},
        "time": {"column": "at", "format": "iso"},
        "where": {"sensor": [sensor], "asset": paths},
        "readings": {"value": {"sensor": sensor, "unit": "stored"}},
    }
