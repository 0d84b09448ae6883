"""Indicators: formulas to look up and to run; they see no machine's data."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from services.api import paging
from services.api.deps import OnContracts
from services.api.openapi import PREFIX
from services.api.problems import INVALID_REQUEST, problem
from services.api.schemas import indicator as schema
from services.api.schemas.listing import Listing
from services.api.schemas.problem import FieldFault
from services.api.schemas.query import PageQuery
from services.api.security import Right
from shared.errors import Fault, SpecError
from shared.indicators.description import describe
from shared.indicators.evaluation import Evaluation, evaluate, parse
from shared.indicators.indicator import Indicator
from shared.indicators.registry import INDICATORS, newest

router = APIRouter(prefix=f"{PREFIX}/indicators", tags=[Right.CONTRACTS])

Name = Annotated[str, Path(max_length=100, description="with or without @version; the newest without")]
_LONGEST_BODY: Final = 256 * 1024
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "an object of the indicator's inputs, by name or alias",
        "content": {"application/json": {"schema": {"type": "object"}, "example": {"T": 17520, "r": 4, "conf": 0.9}}},
    }
}


@router.get("")
async def list_indicators(asked: OnContracts, query: Annotated[PageQuery, Query()]) -> Listing[schema.Indicator]:
    """Every formula, by name and version."""
    del asked
    (after,) = paging.key(query.cursor, tuple[paging.Text], ("",))
    found = [INDICATORS[key] for key in sorted(INDICATORS) if key > after][: query.limit + 1]
    items, following = paging.page(found, query.limit, lambda each: (each.key,))
    return Listing(items=[schema.Indicator.model_validate(describe(each)) for each in items], next=following)


@router.get("/{name}")
async def get_indicator(asked: OnContracts, name: Name) -> schema.Indicator:
    """One formula: inputs, results, standard, source, validity rules, and an example to evaluate."""
    del asked
    return schema.Indicator.model_validate(describe(newest(name)))


@router.post("/{name}/evaluate", response_model=schema.Evaluation, openapi_extra=_BODY)
async def evaluate_indicator(asked: OnContracts, name: Name, request: Request) -> schema.Evaluation | Response:
    """Compute a formula from the inputs sent. Nothing is stored; numbers are taken as the decimals they are written."""
    del asked
    found = newest(name)
    try:
        # In a thread: a long baseline must not hold up the others.
        evaluation = await run_in_threadpool(_evaluated, found, await _body(request))
    except SpecError as error:
        faults = [FieldFault(location="body", field=fault.path, reason=fault.reason) for fault in error.faults]
        return problem(INVALID_REQUEST, "; ".join(str(fault) for fault in error.faults), errors=faults)
    return schema.Evaluation.model_validate(evaluation.document())


def _evaluated(indicator: Indicator, body: bytes) -> Evaluation:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise SpecError("body", [Fault("body", f"not UTF-8 at byte {error.start}")]) from error
    return evaluate(indicator, parse(text, "body"))


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise SpecError("body", [Fault("body", f"must not be longer than {_LONGEST_BODY} bytes")])
    return body
