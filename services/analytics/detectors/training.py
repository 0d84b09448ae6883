"""The one way to a detector: healthy rows in, a model or a refusal out. Pure."""

from dataclasses import replace

from services.analytics.detectors import fit_ensemble, record, single
from services.analytics.detectors.model import Array, Model, Refusal, Refused, Times
from shared.model.detector import DetectorSettings


def train(at_us: Times, values: Array, settings: DetectorSettings) -> Model | Refusal:
    """Train on healthy rows `values` (n, len(settings.columns)), NaN = no value, at bucket starts `at_us`, ascending.

    Of several usable sensors: the ensemble. One usable sensor is watched against its own past. A model with a number
    that is none, whatever the rows that brought it about, is refused.
    """
    outcome = _trained(at_us, values, settings)
    if isinstance(outcome, Refusal) or record.is_finite(outcome.as_parameters()):
        return outcome
    return Refusal(
        reason=Refused.NOT_FINITE, rows=outcome.rows, rows_needed=outcome.rows, left_out=dict(outcome.left_out)
    )


def _trained(at_us: Times, values: Array, settings: DetectorSettings) -> Model | Refusal:
    left_out = fit_ensemble.left_out(values, settings)
    usable = [i for i, name in enumerate(settings.sensors) if name not in left_out]
    if len(usable) > 1 or (len(usable) == 0 and len(settings.sensors) > 1):
        return fit_ensemble.train(at_us, values, settings)
    [only] = usable or [0]
    alone = replace(settings, sensors=(settings.sensors[only],), drivers=())
    return single.train(at_us, values[:, [only]], alone)
