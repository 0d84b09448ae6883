"""deploy/files.md, the reference of the files a user writes: its examples are read, and no key is left out of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import apprise
import pytest
from pydantic import BaseModel

from services.devices import mapping
from shared import fleet
from shared.contracts import spec
from shared.contracts.spec import form
from shared.timeline import UNMAPPED

REFERENCE = (Path(__file__).parents[2] / "deploy" / "files.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```yaml (\w+)\n(.*?)^```$", REFERENCE, re.MULTILINE | re.DOTALL))
FORMS = {"fleet": fleet.Fleet, "contract": form.ContractForm, "mapping": mapping.Mapping}


def section(name: str) -> str:
    """The words of a chapter, without its example."""
    [chapter] = re.findall(rf"^## The {name} file\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    return re.sub(r"^```.*?^```$", "", chapter, flags=re.MULTILINE | re.DOTALL)


def keys(form: type[BaseModel], seen: set[type]) -> Iterator[str]:
    """Every key a file of this form may have, at any depth."""
    seen.add(form)
    for name, field in form.model_fields.items():
        yield field.alias or name
        for inner in forms(field.annotation):
            if inner not in seen:
                yield from keys(inner, seen)


def forms(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from forms(inner)


def test_the_examples_are_files_of_their_kind_and_fit_together() -> None:
    declared = fleet.parse(EXAMPLES["fleet"], "fleet")
    promised = spec.parse(EXAMPLES["contract"], "contract")
    read = mapping.parse(EXAMPLES["mapping"], "mapping")
    assert promised.customer == declared.customers[0].slug
    assert promised.assets == tuple(f"{asset.site}/{asset.slug}" for asset in declared.assets)
    sensors = {sensor.name for sensor in declared.models[0].sensors}
    assert {quantity.sensor for source in read.sources for quantity in source.readings.values()} == sensors


# apprise loads all its plugins for a mail.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_the_channels_of_the_example_are_understood() -> None:
    for channel in fleet.parse(EXAMPLES["fleet"], "fleet").channels:
        assert apprise.Apprise().add(channel.url), channel.name


@pytest.mark.parametrize("name", FORMS)
def test_every_key_of_the_form_is_explained(name: str) -> None:
    explained = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section(name)))))
    assert set(keys(FORMS[name], set())) - explained == set()


def test_what_an_unmapped_code_counts_as_is_said() -> None:
    assert f"`{UNMAPPED.category}`, cause `{UNMAPPED.cause}`" in REFERENCE
