"""`vouch evaluate rul`: remaining life learnt from run-to-failure files, against the truth; trained afresh a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from services.analytics.prognosis import run_to_failure
from services.analytics.prognosis.calibration import at_level
from services.analytics.prognosis.histories import Array, History
from services.analytics.prognosis.quality import coverage, nasa_score, rmse
from services.analytics.prognosis.run_to_failure import LifeModel, Refusal
from services.evaluate import cmapss
from shared.errors import VouchError

LEAST_CAP: Final = 1.0
MOST_CAP: Final = 1e6
# Two answers are scored, each by its own name.
ANSWERS: Final = {
    "point": "mean of the life capped at the cap, what the figures known are of",
    "p50": "median, as shown",
}
# Held-out engines are cut at so many random cycles each, from a tenth of their life on.
_CUTS: Final = 5
_FIRST_CUT: Final = 0.1
_LEAST_CUT: Final = 5


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which files, how many cycles the cap, seeds 0 .. seeds - 1, and folds of cross-validation (0: none)."""

    train: Path
    test: Path
    truth: Path
    layout: str = "cmapss"
    cap: float = 125.0
    seeds: int = 5
    folds: int = 5


def evaluate(asked: Asked) -> dict[str, Any]:
    """The document; VouchError or SpecError for options, files and engines that do not allow it."""
    if not LEAST_CAP <= asked.cap <= MOST_CAP:
        raise VouchError(f"--cap lies between {LEAST_CAP:g} and {MOST_CAP:g} cycles")
    if asked.seeds < 1 or asked.folds == 1 or asked.folds < 0:
        raise VouchError("--seeds is at least 1, --folds 0 or at least 2")
    lives = cmapss.engines(asked.train, failed=True)
    tested = cmapss.engines(asked.test, failed=False)
    truth = cmapss.truths(asked.truth, len(tested))
    if asked.folds > len(lives):
        raise VouchError(f"--folds: {asked.folds} are more than the {len(lives)} engine(s) of {asked.train}")
    if asked.folds and len(lives) * (asked.folds - 1) // asked.folds < run_to_failure.LEAST_FAILURES:
        raise VouchError(f"{asked.train}: {len(lives)} engine(s) are too few for {asked.folds} folds")
    # One core, as in production: sums over several differ in the last bit.
    with threadpool_limits(1):
        models = [_trained(asked, lives, seed) for seed in range(asked.seeds)]
        by_seed = [{"seed": seed, **_scored(model, tested, truth)} for seed, model in enumerate(models)]
        cross = _cross_validation(asked, lives) if asked.folds else None
    return {
        "method": run_to_failure.NAME,
        "format": asked.layout,
        "train": {"file": asked.train.name, "engines": len(lives), "rows": _rows(lives)},
        "test": {"file": asked.test.name, "engines": len(tested), "rows": _rows(tested)},
        "cap": asked.cap,
        "answers": {"rmse, nasa_score": ANSWERS["point"], "rmse_p50, nasa_score_p50": ANSWERS["p50"]},
        "regimes": models[0].condition.regimes.count,
        "signals": models[0].condition.signals,
        "capped_rmse_floor_against_raw_truth": rmse(np.minimum(truth, asked.cap), truth),
        **_summary(by_seed),
        "by_seed": by_seed,
        "cross_validation": cross,
    }


def table(document: dict[str, Any]) -> str:
    """The document for people."""
    cross = document["cross_validation"]
    columns = [("test, over seeds", document), *([("cross-validation, over folds", cross)] if cross else [])]
    lines = [
        f"{document['method']}: {document['train']['engines']} engines learnt from,"
        f" {document['test']['engines']} tested",
        f"operating regimes {document['regimes']}, signals of wear {document['signals']}, cap {document['cap']:g}",
        f"{'':32}" + "".join(f"{title:>32}" for title, _ in columns),
    ]
    for title, group, figure in _FIGURES:
        cells = [_cell(found[group][figure]) for _, found in columns]
        lines.append(f"{title:32}" + "".join(f"{cell:>32}" for cell in cells))
    lines.append(f"mean: of the life capped at {document['cap']:g}; P50: the median of the life, what predictions show")
    floor = document["capped_rmse_floor_against_raw_truth"]
    return "\n".join(
        [*lines, f"No answer capped at {document['cap']:g} has an RMSE below {floor:.2f} on the raw truth."]
    )


_FIGURES: Final = (
    ("RMSE of mean, capped truth", "capped", "rmse"),
    ("RMSE of P50, capped truth", "capped", "rmse_p50"),
    ("NASA score of mean, capped truth", "capped", "nasa_score"),
    ("NASA score of P50, capped truth", "capped", "nasa_score_p50"),
    ("RMSE of mean, raw truth", "raw", "rmse"),
    ("RMSE of P50, raw truth", "raw", "rmse_p50"),
    ("NASA score of mean, raw truth", "raw", "nasa_score"),
    ("NASA score of P50, raw truth", "raw", "nasa_score_p50"),
    ("P10-P90 coverage, capped", "capped", "coverage_ratio"),
    ("P10-P90 mean width, capped", "capped", "width"),
    ("P10-P90 coverage, raw", "raw", "coverage_ratio"),
    ("P10-P90 mean width, raw", "raw", "width"),
)


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} +- {figure['sd']:.3f}"


def _rows(lives: Sequence[History]) -> int:
    return sum(len(life.at_h) for life in lives)


def _trained(asked: Asked, lives: Sequence[History], seed: int) -> LifeModel:
    model = run_to_failure.train(lives, seed=seed, cap_h=asked.cap)
    if isinstance(model, Refusal):
        raise VouchError(f"{asked.train}: {model.reason}")
    return model


def _scored(model: LifeModel, tested: Sequence[History], truth: Array) -> dict[str, dict[str, float]]:
    """Figures against the truth (n,) after the last row of each, capped and as it is; in cycles."""
    found = model.estimate(tested)
    low, half, high = (at_level(found.quantiles_h, level) for level in (0.1, 0.5, 0.9))
    return {
        name: {
            "rmse": rmse(found.point_h, np.minimum(truth, most)),
            "nasa_score": nasa_score(found.point_h, np.minimum(truth, most)),
            "rmse_p50": rmse(np.minimum(half, most), np.minimum(truth, most)),
            "nasa_score_p50": nasa_score(np.minimum(half, most), np.minimum(truth, most)),
            "coverage_ratio": coverage(np.minimum(low, most), np.minimum(high, most), np.minimum(truth, most)),
            "width": float(np.mean(np.minimum(high, most) - np.minimum(low, most))),
        }
        for name, most in (("capped", model.cap_h), ("raw", np.inf))
    }


def _summary(scored: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    return {group: {figure: _spread([each[group][figure] for each in scored]) for figure in scored[0][group]}
            for group in ("capped", "raw")}  # fmt: skip


def _spread(values: Sequence[float]) -> dict[str, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "sd": deviation, "min": min(values), "max": max(values)}


def _cross_validation(asked: Asked, lives: Sequence[History]) -> dict[str, Any]:
    """Engines held out whole and cut at random cycles, as the test file is made; only the training file is used."""
    generator = np.random.default_rng(0)
    fold = generator.permutation(len(lives)) % asked.folds
    by_fold: list[dict[str, Any]] = []
    for each in range(asked.folds):
        model = _trained(asked, [life for life, of in zip(lives, fold, strict=True) if of != each], each)
        cut, truth = _cut([life for life, of in zip(lives, fold, strict=True) if of == each], generator)
        by_fold.append({"fold": each, "engines": int((fold == each).sum()), **_scored(model, cut, truth)})
    return {"folds": asked.folds, "cuts_an_engine": _CUTS, **_summary(by_fold), "by_fold": by_fold}


def _cut(held_out: Sequence[History], generator: np.random.Generator) -> tuple[list[History], Array]:
    cut: list[History] = []
    truth: list[float] = []
    for life in (life for life in held_out if len(life.at_h) > 1):
        least = min(len(life.at_h) - 1, max(_LEAST_CUT, int(_FIRST_CUT * len(life.at_h))))
        for row in generator.integers(least, len(life.at_h), size=_CUTS):
            part = life.until(int(row))
            cut.append(part)
            truth.append(life.life_h - part.life_h)
    return cut, np.array(truth)
