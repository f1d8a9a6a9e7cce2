"""What a comparison's document holds besides where models were asked: how that went, and what was replayed.

asking   as `cli.live` tells it: requests, answered, known, failed, not_asked, partial, failures, stopped,
         spent, tokens_in, tokens_out, answers, logs
sides    first, second: {model, samples: its sample file, served: {model: answers}, requests, answered,
         failed, not_asked, by_another_model}
sets     [{name, source, sha256, licence}] of the prompts asked
gate     null without --margin, or {verdict, parts: [{subject, verdict, margin, needed, reason}]}
replay   only with a log: {files, population, left_out: {reason: exchanges}, sample, asked, redacted, seed,
         strata: [{use_case, outcome, pooled, size, share, drawn}],
         use_cases: [{use_case, share, rows, difference}], logged: [{side, model, rows, share, why_not,
         rates: {name: as in completion, first what the log recorded and second what came now}}]}
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from aligntax.report.compared import difference_entry
from aligntax.report.document import Document, flat
from aligntax.tax.pairs.asked import Side
from aligntax.tax.pairs.completion import BENIGN_RATES
from aligntax.tax.pairs.gate import Gated, verdict
from aligntax.tax.replay.drawn import Drawn
from aligntax.tax.replay.logged import Logged
from aligntax.tax.replay.measured import UseCase

__all__ = ["gate_entry", "replay_entry", "side_entry"]


def side_entry(side: Side, samples: str) -> Document:
    """What became of the requests to one model.

    Args:
        side: the model and its replies.
        samples: file its answers were written to; "" for none.
    """
    return {"model": side.model, "samples": samples, "served": dict(side.served), **side.counts}


def gate_entry(gates: Sequence[Gated]) -> Document | None:
    """The verdict on all margins that were asked for."""
    if not gates:
        return None
    return {"verdict": verdict(gates), "parts": [asdict(one) for one in gates]}


def replay_entry(
    drawn: Drawn, use_cases: Sequence[UseCase], logged: Sequence[Logged], *, level: float
) -> Document:
    """What was replayed, and what came of it beyond the comparison itself.

    Args:
        drawn: the sample.
        use_cases: A against B, by use case.
        logged: against what the log recorded.
        level: coverage of the intervals.
    """
    return {
        "files": list(drawn.files),
        "population": drawn.population,
        "left_out": dict(drawn.left_out),
        "sample": len(drawn.rows),
        "asked": len(drawn.questions),
        "redacted": drawn.redacted,
        "seed": drawn.seed,
        "strata": [
            {
                "use_case": one.use_case,
                "outcome": one.outcome,
                "pooled": one.pooled,
                "size": one.size,
                "share": one.size / drawn.population,
                "drawn": one.drawn,
            }
            for one in drawn.strata
        ],
        "use_cases": [
            {"use_case": one.name, "share": one.share, "rows": one.rows, "difference": flat(one.difference)}
            for one in use_cases
        ],
        "logged": [_logged(one, level) for one in logged],
    }


def _logged(one: Logged, level: float) -> Mapping[str, object]:
    return {
        "side": one.side,
        "model": one.model,
        "rows": one.rows,
        "share": one.share,
        "why_not": one.why_not,
        "rates": {
            name: difference_entry(difference, BENIGN_RATES[name], level)
            for name, difference in one.rates.items()
        },
    }
