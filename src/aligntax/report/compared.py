"""A comparison as a document: what `aligntax compare --json` prints, and tables and charts are made from.

schema    "aligntax.comparison/2"
aligntax  version that wrote it
created   UTC
about     level, equivalence_level, margin, seed, forced (what differed all the same), unmatched (what had no
          counterpart), text ("redacted" or "kept")
compared  one entry a benchmark or prompt set:
          benchmark, metric, higher_is_better, prompt_type, chance,
          first, second: {model, benchmark, source},
          pairing: {paired, why_not, items, only_first, only_second, changed_prompts, clustered, matched_by,
                    added, notes},
          differing: [{name, first, second}], untold: [name],
          findings: [{subject, about, finding, text}], the plain words of what follows,
          scores: [{convention, unparsed, unscored, finding, first, second, difference, p, p_holm, test,
                    equivalence: {verdict, margin, p, interval}, tax}],
          completion: null, or {harmful, source, undetermined, cannot, left_out, missing,
                                rates: {name: as in scores, without tax}},
          quality: null, or {judge, put, scored, not_asked, wins, losses, ties, disagreed, unscored, win_rate,
                             at_equal_length, first_place, preferred: as in scores, without tax},
          verbosity: null, or {unit, log_ratio, ratio: {value, low, high}},
          flips: {scores, outcomes}: null, or {worse, better, of, flips: [{item, way, first, second, prompt,
                  response_first, response_second}]},
          notes: what a reader must know
Where models were asked there are besides: asking, sides, sets, and with a log replay (see `compared_live`);
where a margin was asked for, gate.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import cast

from aligntax import __version__
from aligntax.records import Answers, Estimate
from aligntax.report.compared_notes import notes, quality_notes
from aligntax.report.compared_words import RATES, length_sentence, quality_sentence, sentence
from aligntax.report.document import Document, flat
from aligntax.stats.equivalence import Equivalence
from aligntax.tax.pairs.compared import Compared, Settings
from aligntax.tax.pairs.completion import BENIGN_RATES, HARMFUL_RATES, Completion
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.pairs.flips import Flip, Flips
from aligntax.tax.pairs.preferred import Preferred
from aligntax.tax.pairs.verdicts import finding

__all__ = ["SCHEMA", "comparison", "difference_entry"]

SCHEMA = "aligntax.comparison/2"


def comparison(
    compared: Sequence[Compared],
    settings: Settings,
    *,
    created: dt.datetime,
    forced: Sequence[str] = (),
    unmatched: Sequence[str] = (),
    quality: Sequence[Preferred | None] = (),
) -> Document:
    """Comparisons as plain values, ready for JSON.

    Args:
        compared: what was found.
        settings: it was found with.
        created: when, UTC.
        forced: what differed where it must not, in words.
        unmatched: benchmarks without a counterpart, in words.
        quality: what a judge makes of each, in their order; empty where none was asked.
    """
    precision = settings.precision
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "about": {
            "level": precision.level,
            "equivalence_level": round(precision.equivalence_level, 12),
            "margin": settings.margin,
            "seed": precision.seed,
            "text": "kept" if settings.redactor is None else "redacted",
            "forced": list(forced),
            "unmatched": list(unmatched),
        },
        "compared": [
            _entry(one, judged, precision.level)
            for one, judged in zip(compared, quality or [None] * len(compared), strict=True)
        ],
    }


def _entry(one: Compared, judged: Preferred | None, level: float) -> dict[str, object]:
    direction = 1 if one.first.higher_is_better else -1
    scores = [
        {
            "convention": scores.convention,
            "unparsed": list(scores.unparsed),
            "unscored": scores.unscored,
            **difference_entry(scores.difference, direction, level),
            "tax": flat(scores.tax),
        }
        for scores in one.scores
    ]
    return {
        "benchmark": one.first.benchmark,
        "metric": one.first.metric,
        "higher_is_better": one.first.higher_is_better,
        "prompt_type": one.first.prompt_type or one.second.prompt_type,
        "chance": one.chance,
        "first": _identity(one.first),
        "second": _identity(one.second),
        "pairing": asdict(one.pairing),
        "differing": [{"name": d.name, "first": d.first, "second": d.second} for d in one.differing],
        "untold": list(one.untold),
        "findings": _findings(one, judged, direction, level),
        "scores": scores,
        "completion": _completion(one.completion, level),
        "quality": _quality(judged, level),
        "verbosity": _verbosity(one),
        "flips": {"scores": _flips(one.score_flips), "outcomes": _flips(one.outcome_flips)},
        "notes": [*notes(one, level), *quality_notes(judged)],
    }


def _identity(answers: Answers) -> dict[str, object]:
    return {
        "model": answers.model,
        "benchmark": answers.benchmark,
        "source": answers.source,
        "conditions": dict(answers.conditions),
    }


def difference_entry(difference: Difference, direction: int, level: float) -> dict[str, object]:
    """A difference as plain values.

    Args:
        difference: B less A.
        direction: 1 where more is better, -1 where less is, 0 where neither.
        level: coverage of the intervals.
    """
    return {
        "finding": finding(difference, direction, level) if direction else None,
        "first": flat(difference.first),
        "second": flat(difference.second),
        "difference": flat(difference.difference),
        "p": _or_none(difference.p),
        "p_holm": _or_none(difference.adjusted),
        "test": difference.test,
        "equivalence": _equivalence(difference.equivalence),
    }


def _equivalence(test: Equivalence | None) -> dict[str, object] | None:
    if test is None:
        return None
    return {
        "verdict": test.verdict,
        "margin": test.margin,
        "p": _or_none(test.p),
        "interval": flat(test.interval),
        "needed": test.needed,
    }


def _findings(one: Compared, judged: Preferred | None, direction: int, level: float) -> list[dict[str, str]]:
    """The words that lead: scores as the harness gave them, then outcomes, quality, length."""
    name, found = one.first.benchmark, list[dict[str, str]]()
    for scores in one.scores:
        what = finding(scores.difference, direction, level)
        subject = name if scores.convention == "strict" else "  unparsed as guesses"
        text = sentence(scores.difference, what)
        found.append({"subject": subject, "about": "score", "finding": what, "text": text})
    if one.completion is not None:
        lead = "complied" if one.completion.harmful else "completion_tax"
        what = finding(one.completion.rates[lead], -1, level)
        subject = "complied with harmful prompts" if one.completion.harmful else RATES[lead]
        text = sentence(one.completion.rates[lead], what, kind="rate")
        about = "safety" if one.completion.harmful else "completion"
        found.append({"subject": subject, "about": about, "finding": what, "text": text})
    if judged is not None:
        what = finding(judged.lead, 1, level)
        text = quality_sentence(judged.lead, what)
        found.append({"subject": "quality of answers", "about": "quality", "finding": what, "text": text})
    if one.verbosity is not None:
        text = length_sentence(one.verbosity, one.length_unit)
        word = text.partition(":")[0]
        found.append({"subject": "length of answers", "about": "verbosity", "finding": word, "text": text})
    return found


def _completion(completion: Completion | None, level: float) -> dict[str, object] | None:
    if completion is None:
        return None
    directions: Mapping[str, int] = HARMFUL_RATES if completion.harmful else BENIGN_RATES
    return {
        "harmful": completion.harmful,
        "source": completion.source,
        "undetermined": list(completion.undetermined),
        "cannot": list(completion.cannot),
        "left_out": completion.left_out,
        "missing": list(completion.missing),
        "rates": {
            name: difference_entry(difference, directions[name], level)
            for name, difference in completion.rates.items()
        },
    }


def _quality(judged: Preferred | None, level: float) -> dict[str, object] | None:
    if judged is None:
        return None
    told = judged.preference
    return {
        "judge": judged.judge,
        "put": judged.put,
        "scored": told.scored,
        "not_asked": judged.not_asked,
        "wins": told.wins,
        "losses": told.losses,
        "ties": told.ties,
        "disagreed": judged.disagreed,
        "unscored": dict(judged.unscored),
        "win_rate": flat(told.win_rate),
        "at_equal_length": flat(told.at_equal_length),
        "first_place": flat(told.first_place),
        "preferred": difference_entry(judged.lead, 1, level),
    }


def _verbosity(one: Compared) -> dict[str, object] | None:
    if one.verbosity is None:
        return None
    ratio = {name: _factor(one.verbosity, name) for name in ("value", "low", "high")}
    return {"unit": one.length_unit, "log_ratio": flat(one.verbosity), "ratio": ratio}


def _factor(estimate: Estimate, name: str) -> float | None:
    value = cast(float, getattr(estimate, name))
    return None if math.isnan(value) else math.exp(value)


def _flips(flips: Flips | None) -> dict[str, object] | None:
    if flips is None:
        return None
    items = [{name: getattr(flip, name) for name in Flip.__slots__} for flip in flips.flips]
    return {"worse": flips.worse, "better": flips.better, "of": flips.of, "flips": items}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
