"""Jinja2, with everything escaped and every unknown name an error."""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from services.api.web import chart, outlook, present

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"

_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals |= {"present": present, "chart": chart, "outlook": outlook}


def render(template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """A page."""
    return HTMLResponse(_environment.get_template(template).render(values), status_code=status_code)
