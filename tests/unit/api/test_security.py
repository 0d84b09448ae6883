"""Roles and rights."""

import pytest

from services.api.security import RIGHTS, ForbiddenError, Right, check
from shared.db.principals import Role

MATRIX = {
    Right.ACCOUNT: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER, Role.CUSTOMER},
    Right.MACHINES: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER, Role.CUSTOMER},
    Right.CONTRACTS: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER, Role.CUSTOMER},
    Right.ALERTS: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER, Role.CUSTOMER},
    Right.RECLASSIFICATIONS: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER, Role.CUSTOMER},
    Right.DELIVERIES: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER},
    Right.QUARANTINE: {Role.ADMIN, Role.SERVICE_ENGINEER},
    Right.REVIEWS: {Role.ADMIN, Role.SERVICE_ENGINEER},
    Right.MODELS: {Role.ADMIN, Role.SERVICE_ENGINEER, Role.ACCOUNT_MANAGER},
}


def test_every_role_has_exactly_the_rights_it_should_have() -> None:
    assert {right: {role for role in Role if right in RIGHTS[role]} for right in Right} == MATRIX


def test_a_missing_right_is_refused_by_name() -> None:
    check(Role.ADMIN, Right.QUARANTINE)
    with pytest.raises(ForbiddenError, match="customer may not see quarantine"):
        check(Role.CUSTOMER, Right.QUARANTINE)
