"""An audit: a log in, judged, counted and measured; the figures of the report out."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aligntax.errors import UsageError
from aligntax.extension_points import Detector, Recogniser
from aligntax.records import Measurement
from aligntax.records.files import atomic
from aligntax.tax.bill import Scale, bill
from aligntax.tax.completion import SMALL, completion
from aligntax.tax.corrected import Corrected, correct
from aligntax.tax.judging import Judge, write_judged
from aligntax.tax.labelled import ExpertLabels
from aligntax.tax.prices import PriceTable
from aligntax.tax.published import DetectorError, correct_published
from aligntax.tax.symptoms import symptoms
from aligntax.tax.tally import Period, Tally, count
from aligntax.tax.verbosity import verbosity
from aligntax.traffic.read import Log, Reading
from aligntax.traffic.redaction import Redactor
from aligntax.traffic.sampling import Sample, draw

__all__ = ["Audit", "Settings", "audit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an audit is asked for.

    Attributes:
        level: two-sided coverage of every interval.
        period: what time is cut into; None to choose by the log's span.
        sample: exchanges to judge; None for all.
        sampling_rate: share of the traffic the log holds, in (0, 1]; None to take what the log says.
        keep_text: whether raw text is kept in the outcomes.
    """

    level: float = 0.95
    period: Period | None = None
    sample: int | None = None
    sampling_rate: float | None = None
    keep_text: bool = False


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What was measured, on what, and how.

    Attributes:
        measurements: every figure, as the detector alone gives it.
        reading: what reading the log came to.
        tally: the sums behind the figures.
        scale: from the exchanges judged to all traffic and to a month.
        detector: name of the detector.
        detector_version: its version.
        prices: the price table.
        settings: what was asked for.
        judged: the Parquet file of outcomes.
        seconds: wall time of reading and judging.
        correction: the rates corrected by labels or by a published error; None without either.
        notes: what a reader must know to take the figures rightly.
    """

    measurements: list[Measurement]
    reading: Reading
    tally: Tally
    scale: Scale
    detector: str
    detector_version: str
    prices: PriceTable
    settings: Settings
    judged: Path
    seconds: float
    correction: Corrected | None = None
    notes: list[str] = field(default_factory=list)


def audit(
    log: Log,
    detector: Detector,
    outcomes: Path,
    *,
    prices: PriceTable,
    settings: Settings,
    redactor: Redactor | None = None,
    labels: ExpertLabels | None = None,
    error: DetectorError | None = None,
    recognise: Recogniser | None = None,
    seen: Callable[[int], None] = lambda exchanges: None,
) -> Audit:
    """Audits a log.

    Args:
        log: opened.
        detector: gives the outcomes.
        outcomes: where the Parquet file of outcomes goes.
        prices: for exchanges whose cost the log does not state.
        settings: what is asked for.
        redactor: cleans what is kept; a fresh one by default.
        labels: to correct the rates with, given to exchanges of this very log.
        error: of the detector, measured elsewhere, to correct the tax with where there are no labels.
        recognise: tells the use case of each exchange; None to take what the log says.
        seen: told the number of exchanges judged so far.

    Raises:
        UnreadableInput: the log breaks off before its first exchange.
        MalformedRecords: the log was opened strictly and has records that cannot be read.
        UsageError: both labels and an error are given, or labels of other exchanges.
    """
    if labels and error:
        raise UsageError(
            "labels of your own need no error measured elsewhere", hint="leave out --detector-error"
        )
    begun = time.perf_counter()
    sample = draw(log, settings.sample) if settings.sample else None
    judge = Judge(detector, redactor or Redactor(), settings.keep_text, recognise)
    exchanges, reading = log.batches(judge.columns)
    chosen = sample.of(exchanges) if sample else exchanges
    level = settings.level
    with atomic(outcomes) as part:  # labels that do not fit leave the outcomes of an earlier audit alone
        write_judged(chosen, judge, part, seen=seen)
        tally = count(part, period=settings.period)
        scale = _scale(tally, settings, sample)
        correction = _corrected(part, tally, scale, labels, error, level)
    return Audit(
        measurements=[
            *completion(tally, level=level),
            *symptoms(tally, level=level),
            *verbosity(tally, level=level),
            *bill(tally, prices, scale, level=level),
        ],
        reading=reading,
        tally=tally,
        scale=scale,
        detector=detector.name,
        detector_version=detector.version,
        prices=prices,
        settings=settings,
        judged=outcomes,
        seconds=time.perf_counter() - begun,
        correction=correction,
        notes=[*reading.notes, *_notes(tally, prices, settings, sample)],
    )


def _corrected(
    judged: Path,
    tally: Tally,
    scale: Scale,
    labels: ExpertLabels | None,
    error: DetectorError | None,
    level: float,
) -> Corrected | None:
    if labels:
        return correct(judged, labels, tally, traffic=scale.traffic, level=level)
    return correct_published(tally, error, level=level) if error else None


def _scale(tally: Tally, settings: Settings, sample: Sample | None) -> Scale:
    rate = settings.sampling_rate or tally.sampling_rate or 1.0
    drawn = sample.population / max(sample.size, 1) if sample else 1.0
    span: dt.timedelta | None = tally.last - tally.first if tally.last and tally.first else None
    days = None if span is None else max(1.0, span.total_seconds() / 86_400)
    return Scale(traffic=drawn / rate, days=days)


def _notes(tally: Tally, prices: PriceTable, settings: Settings, sample: Sample | None) -> list[str]:
    return [
        *_sampling_notes(tally, settings, sample),
        *_left_out(tally),
        *_estimated(tally, prices),
        *_independence(tally),
    ]


def _sampling_notes(tally: Tally, settings: Settings, sample: Sample | None) -> list[str]:
    notes = []
    if sample:
        notes.append(
            f"a sample of {sample.size:,} of {sample.population:,} exchanges, drawn by the hash of their id "
            "in proportion to the use cases; the bill is scaled up to all of them"
        )
    rate = settings.sampling_rate or tally.sampling_rate
    if rate and rate < 1:
        notes.append(f"the log holds {rate:.1%} of the traffic: rates stand, the bill is scaled up to all")
    return notes


def _left_out(tally: Tally) -> list[str]:
    total = tally.whole.total("exchanges")
    notes = [
        f"{some:,.0f} of {total:,.0f} exchanges {words}: in no rate"
        for reason, words in (
            ("no_text", "without text (the log kept none)"),
            ("tool_call_only", "answered by tool calls alone"),
            ("provider_error", "failed for technical reasons"),
        )
        if (some := tally.whole.total(f"unscored.{reason}"))
    ]
    if tally.duplicate_ids:
        notes.append(f"{tally.duplicate_ids:,} exchanges carry an id seen before; all are counted")
    return notes


def _estimated(tally: Tally, prices: PriceTable) -> list[str]:
    notes = []
    if estimated := tally.whole.total("estimated"):
        notes.append(f"tokens of {estimated:,.0f} exchanges are estimated at four characters a token")
    if prices.assumed and tally.whole.total("priced") < tally.whole.total("exchanges"):
        notes.append("money is priced with round assumptions; pass your own table with --prices")
    return notes


def _independence(tally: Tally) -> list[str]:
    notes = []
    if not tally.clustered:
        notes.append(
            "exchanges are taken as independent, since the log has no user, session or template field: "
            "if a few users or templates dominate, the intervals are too short (--cluster-field)"
        )
    if float(tally.whole.determined.sum()) < SMALL:
        notes.append(f"fewer than {SMALL} exchanges have an outcome: read the intervals, not the values")
    return notes
