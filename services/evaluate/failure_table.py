"""`vouch evaluate failures`: the document for people. Pure."""

from typing import Any


def table(document: dict[str, Any]) -> str:
    """The document for people."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.4f}"

    rule = document["error_count_rule"]
    head = f"{'':24}{'recall':>10}{'precision':>11}{'row prec.':>11}{'row recall':>11}{'row F1':>9}"
    lines = [
        f"{document['machines']} machines, trained to {document['trained_to']}, tested {document['tested_from']} to "
        f"{document['tested_to']}; horizon {document['horizon_h']:g} h, gap {document['gap_h']:g} h",
        f"{document['failures']} failures, {document['announced']} announced: recall {share(document['event_recall'])}",
        f"{document['instants']} instants of a machine with failures, {document['instants_announced']} announced: "
        f"recall {share(document['instant_recall'])}",
        f"{document['episodes']} alarm episodes, {document['episodes_right']} followed by a failure; "
        f"threshold {document['threshold']:.3f}",
        head,
    ]
    names = ("event_recall", "episode_precision", "row_precision", "row_recall", "row_f1")
    for label, row in (("hazard from events", document), (f"{rule['errors_in_24_h']} errors in 24 h", rule)):
        recall, precision, *rest = (share(row[name]) for name in names)
        lines.append(f"{label:24}{recall:>10}{precision:>11}{rest[0]:>11}{rest[1]:>11}{rest[2]:>9}")
    lead = "-" if document["lead_h_median"] is None else f"{document['lead_h_median']:g} h"
    lines.append(f"lead time, median: {lead}")
    for part, each in document["components"].items():
        lines.append(f"  {part}: {each['failures']} failures, {each['announced']} announced, {each['named']} named")
    return "\n".join([*lines, *_fit(document["calibration"]), *_rest(document)])


def _fit(fit: dict[str, Any]) -> list[str]:
    base = fit["base_rate"]
    return [
        f"Brier score {fit['brier']:.6f}, of the base rate {base['brier']:.6f}",
        f"log loss {fit['log_loss']:.5f}, of the base rate {base['log_loss']:.5f}",
        *(
            f"  said {each['from']:g} to {each['to']:g}: {each['rows']} rows, "
            f"mean {each['predicted']:.4f}, came {each['observed']:.4f}"
            for each in fit["reliability"]
        ),
    ]


def _rest(document: dict[str, Any]) -> list[str]:
    lines = [f"left out: {source}: {why}" for source, why in document["left_out"].items()] + document["notes"]
    if len(document["runs"]) > 1:
        lines += [
            f"{name}: mean {each['mean']:.4f}, sd {each['sd']:.4f}, {each['min']:.4f} to {each['max']:.4f}"
            for name, each in document["spread"].items()
            if each
        ]
    return lines
