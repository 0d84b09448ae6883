"""`vouch indicator`: formulas to look up and to run on a file; no database, no server."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Indicators: versioned formulas, listed, explained and evaluated.")

Name = Annotated[str, typer.Argument(help="as listed, with or without @version (the newest then)")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Inputs = Annotated[
    Path, typer.Option("--inputs", exists=True, dir_okay=False, readable=True, help="JSON file: an object of inputs")
]


@app.command("list")
def indicator_list(as_json: AsJson = False) -> None:
    """Every indicator: its standard, what it answers, what it takes and gives."""
    from shared.indicators.description import describe, keywords
    from shared.indicators.registry import INDICATORS

    if as_json:
        _print_json([describe(each) for each in INDICATORS.values()])
        return
    for each in INDICATORS.values():
        print(f"{each.key}  [{each.standard}]\n    {each.question}\n    {keywords(each)}")


@app.command("show")
def indicator_show(name: Name, as_json: AsJson = False) -> None:
    """One indicator: inputs, results, formula, standard, source, validity rules, and an example to evaluate."""
    from shared.indicators.description import describe
    from shared.indicators.registry import newest

    found = describe(newest(name))
    if as_json:
        _print_json(found)
        return
    print(f"{found['name']}@{found['version']}  {found['class']}, {found['kind']}\n{found['question']}\n")
    for label in ("formula", "standard", "source"):
        print(f"{label:10}{found[label]}")
    for rule in found["rules"]:
        print(f"{'rule':10}{rule}")
    print("\ninputs")
    _print_table(_input_row(each) for each in found["inputs"])
    print("\nresults")
    _print_table([each["name"], each["unit"], each["meaning"]] for each in found["results"])
    print(f"\nexample\n{json.dumps(found['example'])}")


@app.command("evaluate")
def indicator_evaluate(name: Name, inputs: Inputs, as_json: AsJson = False) -> None:
    """Compute an indicator from a file of inputs; what is undefined is null with its reason."""
    from shared import declared
    from shared.indicators.evaluation import evaluate, parse
    from shared.indicators.registry import newest

    evaluation = evaluate(newest(name), parse(declared.read(inputs), str(inputs)))
    if as_json:
        _print_json(evaluation.document())
        return
    print(evaluation.indicator.key)
    _print_table([each.name, _shown(each.value, each.reason), each.unit] for each in evaluation.results)
    for note in evaluation.notes:
        print(f"note: {note}")


def _input_row(each: dict[str, Any]) -> list[str]:
    choices = f"one of {', '.join(each['choices'])}" if each["choices"] else ""
    said = filter(None, (each["meaning"], each["shape"], each["within"], choices))
    need = "required" if each["required"] else "optional"
    return [", ".join((each["name"], *each["aliases"])), each["unit"], need, "; ".join(said)]


def _shown(value: object, reason: str | None) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list):
        return ", ".join(_shown(one, None) for one in value)
    return f"undefined: {reason}" if value is None else str(value)


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    found = list(rows)
    widths = [min(40, max(len(row[column]) for row in found)) for column in range(len(found[0]))] if found else []
    for row in found:
        print("  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
