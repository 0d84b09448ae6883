"""Watching: models that were read once, so that a pass reads and checks none twice. A model is named by its digest."""

from collections import OrderedDict
from typing import Final

import structlog

from services.analytics.detectors import record
from services.analytics.detectors.model import Model
from shared.db import watching
from shared.db.pool import AsyncConnection
from shared.db.watching import StoredModel

_log = structlog.get_logger(__name__)

# At some 100 kB a model, 200 MB.
_MOST: Final = 2_048
_models: OrderedDict[str, Model] = OrderedDict()


async def model_of(connection: AsyncConnection, asset_id: int, stored: StoredModel) -> Model | None:
    """A stored model; None when it was refused, is one of another release, or is not the one that was stored."""
    if stored.is_refused:
        return None
    if stored.sha256 in _models:
        _models.move_to_end(stored.sha256)
        return _models[stored.sha256]
    parameters = (await watching.parameters(connection, [stored.id]))[stored.id]
    try:
        model = record.model_of(record.checked(parameters, stored.sha256))
    except record.TamperedError as error:
        _log.error("detector_model_refused", asset_id=asset_id, model_id=stored.id, reason=str(error))
        return None
    return None if model is None else keep(stored.sha256, model)


def keep(sha256: str, model: Model) -> Model:
    """Have a model ready; the one that was not asked for the longest makes room."""
    _models[sha256] = model
    _models.move_to_end(sha256)
    while len(_models) > _MOST:
        _models.popitem(last=False)
    return model
