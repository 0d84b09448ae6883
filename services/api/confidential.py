"""What a principal that does not see every customer is shown of a prognosis: what is its own machine's.

How long a component lasts is learnt from all machines of a model, those of other customers among them. The numbers
foretold follow from it and are the machine's own; what they were learnt from is not told.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from shared.db.notices import Notice
from shared.db.predictions import Foretold
from shared.db.principals import Principal
from shared.model.prognosis import Method, NoticeState

_SAID: Final = frozenset({"method", "p10_h", "p50_h", "p90_h", "risk"})
# By method, because a word such as `hours` means the machine's own record in one and the fleet's in another.
_OWN: Final[Mapping[str, frozenset[str]]] = {
    Method.RUN_TO_FAILURE: _SAID | {"model", "point_h"},
    Method.EVENTS: _SAID,
    Method.WEIBULL: _SAID | {"age_h"},
    Method.HEALTH_TREND: _SAID
    | {
        "sensor",
        "limit",
        "points",
        "hours",
        "probability_of_trend",
        "independent_values",
        "correlation",
        "growth",
        "growth_weight",
    },
}
_REASONS: Final[Mapping[str, str]] = {
    Method.RUN_TO_FAILURE: "by machines of this model that ran to failure",
    Method.EVENTS: "by the errors, replacements and failures recorded of machines of this model",
    Method.WEIBULL: "by the lifetimes of this component and its age",
    Method.HEALTH_TREND: "by the trend of a sensor of this machine towards its limit",
    Method.NONE: "nothing can be said of it now",
}
_FATES: Final[Mapping[str, str]] = {
    NoticeState.OPEN: "its risk reached what a notice asks for",
    NoticeState.CONFIRMED: "it failed within the window",
    NoticeState.AVERTED: "planned work came before a failure: neither right nor wrong",
    NoticeState.FALSE: "no failure came within the window",
}


def foretold(principal: Principal, whole: Foretold) -> Foretold:
    """A prediction as the principal may see it."""
    if _sees_all(principal):
        return whole
    return replace(whole, reason=_REASONS[whole.method], evidence=_own(whole.evidence))


def notice(principal: Principal, whole: Notice) -> Notice:
    """A notice as the principal may see it; its reason repeats the prediction's."""
    return whole if _sees_all(principal) else replace(whole, reason=_FATES[whole.state])


def _sees_all(principal: Principal) -> bool:
    return principal.customer_ids is None


def _own(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is listed above, and why sensors of the machine have no trend."""
    methods = [
        {name: value for name, value in said.items() if name in _OWN.get(said.get("method", ""), ())}
        for said in evidence.get("methods", ())
    ]
    kept = {"methods": [said for said in methods if said], "no_trend": evidence.get("no_trend")}
    return {name: value for name, value in kept.items() if value}
