"""Who may do what. Whose rows there are is PostgreSQL's decision; here a role is allowed a kind of question or not."""

from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from shared.db.principals import Role
from shared.errors import VouchError

COOKIE: Final = "vouch_key"


class UnauthenticatedError(VouchError):
    """No key, or none that is valid."""


class ForbiddenError(VouchError):
    """The key is valid, but its role may not ask this."""


class Right(StrEnum):
    """A kind of question. Every route under /api/v1 needs exactly one right; its tag carries the right's name."""

    ACCOUNT = "account"
    MACHINES = "machines"
    CONTRACTS = "contracts"
    ALERTS = "alerts"
    DELIVERIES = "deliveries"
    QUARANTINE = "quarantine"
    RECLASSIFICATIONS = "reclassifications"
    REVIEWS = "reviews"
    MODELS = "models"


# Both parties see the same facts, the same ledger and the same alerts. Where an alert was sent is the supplier's own
# affair, and a quarantined message may hold anything, so both stay inside. What a finding was is the engineers' word,
# and a registered model may have learnt from the machines of several customers.
_BOTH_PARTIES: Final = frozenset(
    {Right.ACCOUNT, Right.MACHINES, Right.CONTRACTS, Right.ALERTS, Right.RECLASSIFICATIONS}
)
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.ADMIN: frozenset(Right),
    Role.SERVICE_ENGINEER: frozenset(Right),
    Role.ACCOUNT_MANAGER: _BOTH_PARTIES | {Right.DELIVERIES, Right.MODELS},
    Role.CUSTOMER: _BOTH_PARTIES,
}

_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", bearerFormat="vouch_...", description="`Authorization: Bearer vouch_...`"
)
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="cookie", description="set by the login page")


async def presented_key(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    header: Annotated[str | None, Depends(_header)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> str:
    """The key the request carries; an Authorization header wins over X-API-Key, and that over the cookie."""
    if bearer is not None:
        return bearer.credentials
    if "authorization" in request.headers:
        raise UnauthenticatedError("Authorization must be: Bearer vouch_...")
    key = header or cookie
    if not key:
        raise UnauthenticatedError("send an API key as Authorization: Bearer vouch_... or as X-API-Key")
    return key


def check(role: Role, right: Right) -> None:
    """Raises ForbiddenError unless the role has the right."""
    if right not in RIGHTS[role]:
        raise ForbiddenError(f"the role {role} may not see {right}")
