"""Who asks, and whose rows they may see: API keys and the transaction every request runs in."""

import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from shared.db.named import load
from shared.db.pool import AsyncConnection, Connection
from shared.errors import NotFoundError, UnavailableError, VouchError
from shared.instant import from_us

Pool = AsyncConnectionPool[AsyncConnection]

_SQL = load("principals")
_KEY = re.compile(r"vouch_[0-9a-f]{8}_[0-9a-f]{48}")
_POOL_WAIT_S = 3.0


class Role(StrEnum):
    """What a principal is. What each role may do is written in `services.api.security`."""

    ADMIN = "admin"
    SERVICE_ENGINEER = "service_engineer"
    ACCOUNT_MANAGER = "account_manager"
    CUSTOMER = "customer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Someone with a key. `customer_ids` None: sees every customer."""

    id: int
    name: str
    role: Role
    customer_ids: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An API key as people know it; `customers` None: sees every customer. `revoked_at` None: it is in force."""

    name: str
    role: str
    customers: list[str] | None
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


def create_key(connection: Connection, *, name: str, role: str, customers: list[str], now_us: int) -> str:
    """Give the principal `name` a new key and return it, `vouch_<prefix>_<secret>`; it can never be read again.

    An unknown principal is created, seeing the customers of these slugs (none named: all of them). Raises VouchError
    for an unknown role or customer, a customer role without customers, or a name that has another role or sees other
    customers.
    """
    slugs = sorted(set(customers))
    _check(name, role, slugs)
    prefix = secrets.token_hex(4)
    key = f"vouch_{prefix}_{secrets.token_hex(24)}"
    with connection.transaction():
        principal_id = _principal_id(connection, name, Role(role), slugs)
        row = {"principal_id": principal_id, "prefix": prefix, "sha256": _digest(key), "created_at": from_us(now_us)}
        connection.execute(_SQL["insert_key"], row)
    return key


def revoke_key(connection: Connection, prefix: str, now_us: int) -> bool:
    """End the key `vouch_<prefix>_...`; False when there is none, or it was ended before."""
    revoked = connection.execute(_SQL["revoke_key"], {"prefix": prefix, "revoked_at": from_us(now_us)})
    return revoked.rowcount > 0


def revoke_keys_of(connection: Connection, name: str, now_us: int) -> int:
    """End all keys of a principal; how many were in force. Raises NotFoundError for a name nobody has."""
    if connection.execute(_SQL["principal_by_name"], {"name": name}).fetchone() is None:
        raise NotFoundError(f"name: nobody is called {name!r}")
    return connection.execute(_SQL["revoke_keys_of"], {"name": name, "revoked_at": from_us(now_us)}).rowcount


def keys(connection: Connection) -> list[Key]:
    """Every key there was, by the name of its principal and its age."""
    with connection.cursor(row_factory=class_row(Key)) as cursor:
        return cursor.execute(_SQL["keys"]).fetchall()


@asynccontextmanager
async def reading(pool: Pool) -> AsyncIterator[AsyncConnection]:
    """One read-only snapshot that sees no customer's rows until `see` says whose.

    Raises UnavailableError when the database cannot be reached or does not answer in time.
    """
    try:
        async with pool.connection(timeout=_POOL_WAIT_S) as connection, connection.transaction():
            await connection.execute(_SQL["begin_read"])
            yield connection
    except psycopg.OperationalError as error:
        raise UnavailableError("the database cannot be reached now") from error


@asynccontextmanager
async def writing(pool: Pool) -> AsyncIterator[AsyncConnection]:
    """One transaction that may write, through the functions the API's role is given; otherwise as `reading`."""
    try:
        async with pool.connection(timeout=_POOL_WAIT_S) as connection, connection.transaction():
            yield connection
    except psycopg.OperationalError as error:
        raise UnavailableError("the database cannot be reached now") from error


async def find(connection: AsyncConnection, key: str) -> Principal | None:
    """The principal of a key; None for a malformed, unknown or revoked one."""
    if not _KEY.fullmatch(key):
        return None
    cursor = await connection.execute(_SQL["principal_of_key"], {"sha256": _digest(key)})
    row = await cursor.fetchone()
    if row is None:
        return None
    seen = None if row["all_customers"] else tuple(row["customer_ids"])
    return Principal(id=row["id"], name=row["name"], role=Role(row["role"]), customer_ids=seen)


async def see(connection: AsyncConnection, principal: Principal) -> None:
    """Show the rest of this transaction the rows of the principal's customers, and no others."""
    seen = principal.customer_ids
    customers = "*" if seen is None else ",".join(str(customer_id) for customer_id in seen)
    await connection.execute(_SQL["see_customers"], {"customers": customers})


def _check(name: str, role: str, slugs: list[str]) -> None:
    if not name.strip():
        raise VouchError("name: must not be empty")
    if role not in list(Role):
        raise VouchError(f"role: {role!r} is not one of {', '.join(Role)}")
    if role == Role.CUSTOMER and not slugs:
        raise VouchError("customer: the role customer needs the customer it may see")


def _principal_id(connection: Connection, name: str, role: Role, slugs: list[str]) -> int:
    known = connection.execute(_SQL["principal_by_name"], {"name": name}).fetchone()
    if known is None:
        return _insert_principal(connection, name, role, slugs)
    principal_id, known_role, known_slugs = known
    if (known_role, known_slugs) != (role, slugs):
        seen = ", ".join(known_slugs) or "all customers"
        raise VouchError(f"name: {name!r} has the role {known_role} and sees {seen}; choose another name")
    return principal_id


def _insert_principal(connection: Connection, name: str, role: Role, slugs: list[str]) -> int:
    ids = dict(connection.execute(_SQL["customers_by_slug"], {"slugs": slugs}).fetchall())
    missing = sorted(set(slugs) - set(ids.values()))
    if missing:
        raise VouchError(f"customer: unknown: {', '.join(missing)}")
    row = {"name": name, "role": role, "all_customers": not slugs}
    inserted = connection.execute(_SQL["insert_principal"], row).fetchone()
    assert inserted is not None
    for customer_id in ids:
        connection.execute(_SQL["insert_principal_customer"], {"principal_id": inserted[0], "customer_id": customer_id})
    return inserted[0]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
