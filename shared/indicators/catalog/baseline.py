"""Energy baselines fitted on drivers: ISO 50006, IPMVP B and C, ASHRAE guideline 14."""

from fractions import Fraction
from typing import Final

from shared.indicators.baseline import Baseline, fit
from shared.indicators.given import ANY, Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, or_reason

# The worked example ENB-1: 12 months of output (t) and energy (MWh).
REFERENCE_X: Final = (100, 120, 140, 160, 180, 200, 110, 130, 150, 170, 190, 210)
MOST_DRIVERS: Final = 8
REFERENCE_Y: Final = (203, 228, 261, 286, 322, 350, 212, 249, 274, 307, 333, 365)


def _baseline(given: Given) -> Answer:
    found = fitted_on(given.series("drivers"), given.numbers("energy"))
    fitted = found.fitted
    assert fitted is not None
    values: dict[str, Value] = {"b0": found.intercept}
    values.update({f"b{number}": slope for number, slope in enumerate(found.slopes.values(), start=1)})
    values |= {
        "n": found.n,
        "dof": found.dof,
        "sse": fitted.sse,
        "s": found.s,
        "cvrmse": or_reason(fitted.cvrmse, Reason.ZERO_DENOMINATOR),
        "r2": fitted.r2 if fitted.r2 is not None else Reason.NO_VARIATION,
        "rho1": or_reason(fitted.rho1, Reason.NO_VARIATION),
        "nmbe": fitted.nmbe if fitted.nmbe is not None else Reason.ZERO_DENOMINATOR,
    }
    assert found.x_mean is not None
    assert found.sxx is not None
    for index, name in enumerate(found.slopes):
        values[f"mean_{name}"], values[f"sxx_{name}"] = found.x_mean[name], found.sxx[index][index]
        values[f"range_{name}"] = list(fitted.ranges[name])
    return Answer(values=values, notes=(*_order(found), *correlated(found)))


def _order(found: Baseline) -> tuple[str, ...]:
    order = ", ".join(f"b{number} is {name}" for number, name in enumerate(found.slopes, start=1))
    return (order,) if len(found.slopes) > 1 else ()


def correlated(baseline: Baseline) -> tuple[str, ...]:
    """What to say when residuals follow each other more than 95 % of independent ones would."""
    rho1 = baseline.fitted.rho1 if baseline.fitted else None
    if rho1 is None or rho1 * rho1 * baseline.n <= 4:
        return ()
    return (f"residuals are correlated (lag 1: {rho1:.2f}): the exact uncertainty takes them as independent",)


def fitted_on(drivers: dict[str, list[Fraction]], energy: list[Fraction]) -> Baseline:
    """The baseline of points given; InputError when there is none."""
    if len(drivers) > MOST_DRIVERS:
        raise InputError("drivers", f"must not be more than {MOST_DRIVERS}")
    try:
        return fit(drivers, energy)
    except ValueError as error:
        raise InputError("drivers", str(error)) from error


def points_input(name: str, meaning: str, alias: str, shape: Shape, *, required: bool = True) -> Input:
    """An input of one value a point of the period."""
    unit = "driver" if shape is Shape.SERIES else "energy"
    return Input(name=name, unit=unit, meaning=meaning, shape=shape, within=ANY, aliases=(alias,), required=required)


ENERGY_BASELINE = Indicator(
    name="energy_baseline",
    version=1,
    question="how energy follows its drivers in a baseline period, and how well (least squares, CV(RMSE), NMBE)",
    grade=Grade.INDIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        points_input("drivers", "one driver as a list, or several by name", "X", Shape.SERIES),
        points_input("energy", "energy of each point", "Y", Shape.NUMBERS),
    ),
    results=(
        Result(name="b0", unit="energy", meaning="energy without drivers"),
        Result(name="b<k>", unit="energy/driver", meaning="energy a unit of the k-th driver"),
        Result(name="n", unit="1", meaning="points"),
        Result(name="dof", unit="1", meaning="points less coefficients"),
        Result(name="sse", unit="energy^2", meaning="sum of squared residuals"),
        Result(name="s", unit="energy", meaning="residual standard deviation, sqrt(sse/dof)"),
        Result(name="cvrmse", unit="1", meaning="s by mean energy"),
        Result(name="r2", unit="1", meaning="share of the variation explained"),
        Result(name="rho1", unit="1", meaning="Pearson correlation of each residual with the one before"),
        Result(name="nmbe", unit="1", meaning="sum(measured - model)/(dof * mean energy), ASHRAE 14's convention"),
        Result(name="mean_<driver>", unit="driver", meaning="mean of a driver"),
        Result(name="sxx_<driver>", unit="driver^2", meaning="its squared distances from the mean"),
        Result(name="range_<driver>", unit="driver", meaning="its least and largest value"),
    ),
    formula="least squares, exact: y = b0 + sum b x",
    standard="ISO 50006:2014; IPMVP B and C; ASHRAE guideline 14",
    source="ordinary least squares in rational arithmetic; peer: statsmodels OLS",
    rules=(
        "more points than coefficients plus one; no driver constant or a mixture of others",
        "limits for whole buildings (ASHRAE 14, recalled): CV(RMSE) 20 to 30 % by length, NMBE 0.005 %",
    ),
    example={"X": list(REFERENCE_X), "Y": list(REFERENCE_Y)},
    compute=_baseline,
)
