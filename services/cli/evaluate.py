"""`vouch evaluate`: detectors and prognosis on labelled history; no database, no server."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Detectors and prognosis, measured on labelled history.")

Files = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV files, plain or gzip")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def _print(document: dict[str, Any], text: str, as_json: bool) -> None:
    print(json.dumps(document, indent=2, allow_nan=False) if as_json else text)


@app.command()
def anomaly(
    files: Files,
    *,
    timestamp: Annotated[str, typer.Option(help="column of the time, ISO 8601")],
    label: Annotated[str, typer.Option(help="column that is 1 in rows that are anomalous, else 0; read after scoring")],
    train_rows: Annotated[int, typer.Option(min=1, help="the first so many rows of each file train its detector")],
    separator: Annotated[str, typer.Option(help="between cells")] = ",",
    ignore: Annotated[list[str] | None, typer.Option(help="column that is no sensor; again for others")] = None,
    false_alarms_per_month: Annotated[
        float, typer.Option(help="the budget: false findings in 30 days of operation, 0.01 to 10000")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Detectors of several sensors against labelled rows: F1, false and missed alarm rates, events, delay.

    Rows are flagged as findings are finally dated, and as seen online while they were open; both are counted.

    Each file trains its own detector, without labels, and is scored as in production; one setting for all files.
    """
    from services.evaluate.anomaly import evaluate, table

    document = evaluate(
        files,
        timestamp=timestamp,
        label=label,
        train_rows=train_rows,
        separator=separator,
        ignore=ignore or (),
        false_alarms_per_month=false_alarms_per_month,
    )
    _print(document, table(document), as_json)


@app.command()
def failures(
    events: Annotated[
        list[Path],
        typer.Option(
            exists=True, readable=True, help="file or folder of errors, failures, replacements, machines; again"
        ),
    ],
    more: Annotated[list[Path] | None, typer.Argument(exists=True, readable=True, help="more files or folders")] = None,
    *,
    horizon: Annotated[str, typer.Option(help="how far ahead a failure is to be announced, as 24h or 7d")] = "24h",
    gap: Annotated[str, typer.Option(help="between training and test, and between two alarm episodes")] = "24h",
    step: Annotated[str, typer.Option(help="how far rows are apart")] = "1h",
    split: Annotated[
        list[float] | None, typer.Option(help="share of the time to train on; again for the spread")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="so many seeds, for the spread")] = 1,
    separator: Annotated[str, typer.Option(help="between cells")] = ",",
    as_json: AsJson = False,
) -> None:
    """Failures announced by events before them: recall, share of alarms that a failure follows, by a split in time.

    Each file is told by its columns: time, machine, and one that says error, failure or component; or properties.
    """
    from services.evaluate.failure_table import table
    from services.evaluate.failures import evaluate, question

    asked = question(horizon=horizon, gap=gap, step=step, splits=split or (0.7,), seeds=seeds)
    document = evaluate([*events, *(more or ())], asked, separator, say=lambda words: typer.echo(words, err=True))
    _print(document, table(document), as_json)


@app.command()
def series(
    files: Files,
    *,
    windows: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="JSON: file -> pairs of instants")
    ],
    timestamp: Annotated[str, typer.Option(help="column of the time, ISO 8601")] = "timestamp",
    value: Annotated[str, typer.Option(help="column of the value")] = "value",
    separator: Annotated[str, typer.Option(help="between cells")] = ",",
    as_json: AsJson = False,
) -> None:
    """Single metrics against labelled windows: the Numenta Anomaly Benchmark's rules and standard profile.

    The first 15 % of each file (at most 750 rows) train; one setting without labels for all files.
    """
    from services.evaluate.series import Columns, evaluate, table

    document = evaluate(files, windows, Columns(timestamp=timestamp, value=value, separator=separator))
    _print(document, table(document), as_json)


@app.command()
def rul(
    *,
    train: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="lives that ended in failure")
    ],
    test: Annotated[Path, typer.Option(exists=True, dir_okay=False, readable=True, help="lives cut before failure")],
    truth: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="what remained, a row for each life cut")
    ],
    layout: Annotated[
        Literal["cmapss"], typer.Option("--format", help="cmapss: unit, cycle, 3 settings, 21 sensors")
    ] = "cmapss",
    cap: Annotated[
        float, typer.Option(help="cycles, 1 to 1e6: farther from failure no difference is looked for")
    ] = 125,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="so many trainings, for the spread")] = 5,
    folds: Annotated[int, typer.Option(min=0, help="of the engine-held-out cross-validation; 0 leaves it out")] = 5,
    as_json: AsJson = False,
) -> None:
    """Remaining useful life of machines against the truth: RMSE, NASA score, and how honest P10 to P90 are.

    Scored are two answers: the mean of the capped life, and the median (P50), which is what predictions show.

    Every seed trains afresh; cross-validation holds out whole engines of the training file and cuts them at random.
    """
    from services.evaluate.rul import Asked, evaluate, table

    document = evaluate(Asked(train=train, test=test, truth=truth, layout=layout, cap=cap, seeds=seeds, folds=folds))
    _print(document, table(document), as_json)
