"""Quotas kept k times of n: what the share says of the process behind it. Settlement takes k/n itself. Pure."""

from scipy.special import betaincinv, ndtri


def _check(kept: int, total: int, confidence: float) -> None:
    if not 0 <= kept <= total or not total:
        raise ValueError("0 <= kept <= total and total above 0")
    if not 0 < confidence < 1:
        raise ValueError("confidence lies between 0 and 1, both excluded")


def clopper_pearson(kept: int, total: int, confidence: float) -> tuple[float, float]:
    """Exact two-sided limits of a proportion, `kept` of `total`: 0 if none was kept, 1 if all were.

    ValueError unless 0 <= kept <= total, total > 0 and confidence in (0, 1). Source: Clopper and Pearson 1934.
    """
    _check(kept, total, confidence)
    tail = (1 - confidence) / 2
    lower = float(betaincinv(kept, total - kept + 1, tail)) if kept else 0.0
    upper = float(betaincinv(kept + 1, total - kept, 1 - tail)) if kept < total else 1.0
    return lower, upper


def wilson(kept: int, total: int, confidence: float) -> tuple[float, float]:
    """Two-sided score limits of a proportion, narrower than the exact ones and right on average. Wilson 1927."""
    _check(kept, total, confidence)
    z = float(ndtri(1 - (1 - confidence) / 2))
    share, spread = kept / total, z * z / total
    centre = share + spread / 2
    half = z * (share * (1 - share) / total + spread / (4 * total)) ** 0.5
    return max(0.0, (centre - half) / (1 + spread)), min(1.0, (centre + half) / (1 + spread))
