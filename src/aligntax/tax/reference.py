"""Published taxes: scores before and after alignment as others printed them, with their source and check.

The table stands in reference.toml, which says what a row needs. Before and after must share harness, shots
and template; a row that breaks this rule is disputed, and the loader holds the table to it.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from aligntax.answers.chance import chance_note, chance_of
from aligntax.errors import AligntaxError, UsageError
from aligntax.records import Estimate, Unit, unknown

__all__ = [
    "CHECKS",
    "Benchmark",
    "Beside",
    "Check",
    "PublishedTax",
    "Run",
    "benchmarks",
    "beside",
    "load_reference",
    "published_taxes",
    "selected",
    "shots_word",
]

Check = Literal["primary", "figure", "secondary", "disputed"]
CHECKS: Mapping[Check, str] = {
    "primary": "read in the source itself",
    "figure": "read by eye off a published figure",
    "secondary": "read in an account by others; the source itself was not seen",
    "disputed": "often repeated, not to be relied on",
}
"""How a figure was checked, best first."""
Kind = Literal["capability", "safety"]
Standing = Literal["larger", "smaller", "within"]
_METHOD = "as published, without an interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is measured.

    Attributes:
        name: as the table calls it.
        names: as harnesses call it, in lower case and with underscores.
        kind: whether it measures capability, which can be taxed, or safety.
        chance: score of a guess, a share of full marks; None where there is no such number.
        no_chance: why not; "" otherwise.
    """

    name: str
    names: tuple[str, ...]
    kind: Kind
    chance: float | None
    no_chance: str

    def called(self, name: str) -> bool:
        """Whether a harness or a person means this benchmark by a name."""
        return _plain(name) in (_plain(self.name), *self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTax:
    """A score before and after a step, as it was published.

    Attributes:
        benchmark: what was measured.
        metric: how it was scored.
        model: whose score.
        method: of alignment.
        step: from what to what.
        shots: worked examples in the prompt, "few" where the source says no more; "" where it says nothing.
        before: score in the unit of `full`; nan where a claim gives none.
        after: likewise.
        full: score of a perfect model.
        higher_is_better: direction of the score.
        harness: what measured it.
        harness_after: what measured the score after; the same in every row that is not disputed.
        source: paper with its number and table, model card, or page.
        year: of the source.
        check: how the figures were checked.
        reason: why they are disputed; "" otherwise.
        note: what a reader of these figures must know.
    """

    benchmark: Benchmark
    metric: str
    model: str
    method: str
    step: str
    shots: str
    before: float
    after: float
    full: float
    higher_is_better: bool
    harness: str
    harness_after: str
    source: str
    year: int
    check: Check
    reason: str
    note: str

    @property
    def change(self) -> Estimate:
        """After less before, in the unit of the score; nobody published an interval."""
        if math.isnan(self.before) or math.isnan(self.after):
            return unknown("the claim gives no score before", unit="score")
        return _published(self.after - self.before, "score")

    @property
    def loss(self) -> Estimate:
        """What was lost of full marks, in [-1, 1], unit "difference": the next best where there is no tax."""
        if self.benchmark.kind == "safety" or self.check == "disputed":
            return unknown(self.tax.reason, unit="difference")
        sign = 1 if self.higher_is_better else -1
        return _published(sign * (self.before - self.after) / self.full, "difference")

    @property
    def tax(self) -> Estimate:
        """(before - after) / (before - chance), unit "share"; below 0 is a bonus; nan with a reason."""
        if self.benchmark.kind == "safety":
            return unknown("a score of safety, not of capability", unit="share")
        if self.check == "disputed":
            return unknown("disputed", unit="share")
        if self.benchmark.chance is None:
            return unknown(self.benchmark.no_chance, unit="share")
        room = self.before - self.benchmark.chance * self.full
        if room <= 0:
            return unknown("no better than a guess before", unit="share")
        return _published((self.before - self.after) / room, "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A capability tax of one's own, to be set beside the published ones.

    Attributes:
        benchmark: what was measured, by any name it goes by.
        tax: normalised by chance, unit "share"; nan where a guess has no score.
        loss: of full marks, unit "difference", positive where it got worse; nan where nobody tells.
        harness: what measured it, with its version or without; "" where nobody tells.
        shots: worked examples in the prompt; "" where nobody tells.
        what: the models or the file, in words.
    """

    benchmark: str
    tax: Estimate
    loss: Estimate
    harness: str = ""
    shots: str = ""
    what: str = ""

    @property
    def compared(self) -> Estimate:
        """What is set beside the published figures: the tax, or the loss where there is none."""
        return self.tax if self.tax.known else self.loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A published tax beside a run.

    Attributes:
        published: the row.
        figure: its tax, or its loss where the run has no tax.
        apart: why the two are not comparable; "" where harness and shots are the same.
        stands: the published tax against the run's interval (its value, without one).
    """

    published: PublishedTax
    figure: Estimate
    apart: str
    stands: Standing


def _published(value: float, unit: Unit) -> Estimate:
    nan = math.nan
    return Estimate(value=value, low=nan, high=nan, level=0.95, n=0, unit=unit, method=_METHOD)


def published_taxes() -> Sequence[PublishedTax]:
    """Every row that comes with aligntax, disputed ones included, in the order of the table."""
    return _shipped()[1]


def benchmarks() -> Sequence[Benchmark]:
    """The benchmarks of these rows."""
    return _shipped()[0]


def selected(
    rows: Sequence[PublishedTax],
    *,
    benchmark: str | None = None,
    model: str | None = None,
    method: str | None = None,
    check: str | None = None,
) -> list[PublishedTax]:
    """The rows that fit; without a wish, all.

    Args:
        rows: published taxes.
        benchmark: a name of the benchmark, or a part of the table's name for it.
        model: part of the model's name, in any case.
        method: part of the method or the step, in any case.
        check: a key of CHECKS.

    Raises:
        UsageError: a check there is not, or no row fits.
    """
    if check is not None and check not in CHECKS:
        raise UsageError(f"--check {check}: no such check", hint=f"there are: {', '.join(CHECKS)}")
    kept = [
        row
        for row in rows
        if (benchmark is None or row.benchmark.called(benchmark) or _part(benchmark, row.benchmark.name))
        and (model is None or _part(model, row.model))
        and (method is None or _part(method, row.method) or _part(method, row.step))
        and (check is None or check == row.check)
    ]
    if not kept:
        names = ", ".join(dict.fromkeys(row.benchmark.name for row in rows))
        raise UsageError("no published tax fits", hint=f"benchmarks are: {names}")
    return kept


def _part(wanted: str, text: str) -> bool:
    return wanted.casefold() in text.casefold()


@cache
def _shipped() -> tuple[tuple[Benchmark, ...], tuple[PublishedTax, ...]]:
    text = files("aligntax.tax").joinpath("reference.toml").read_text("utf-8")
    return load_reference(text, where="reference.toml")


def load_reference(text: str, *, where: str) -> tuple[tuple[Benchmark, ...], tuple[PublishedTax, ...]]:
    """Reads a table in the form of reference.toml and holds it to the rules that stand there.

    Args:
        text: TOML.
        where: the file, for error messages.

    Raises:
        AligntaxError: a row lacks what it needs, is checked in no known way, is disputed without a reason, or
            compares two harnesses without being disputed.
    """
    try:
        contents = tomllib.loads(text)
        known = {entry["name"]: _benchmark(entry) for entry in contents["benchmark"]}
        rows = tuple(row for source in contents["source"] for row in _rows(source, known))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise AligntaxError(f"{where}: {error}", hint="its first lines say what a row needs") from error
    return tuple(known.values()), rows


def _benchmark(entry: Mapping[str, Any]) -> Benchmark:
    given = [key for key in ("task", "chance", "no_chance") if key in entry]
    kind: Kind = entry.get("kind", "capability")
    if kind == "capability" and len(given) != 1:
        raise ValueError(f"{entry['name']}: one of task, chance and no_chance, not {len(given)}")
    task = entry.get("task", "")
    chance = chance_of(task) if task else entry.get("chance")
    why_not = chance_note(task) if task else entry.get("no_chance", "a score of safety")
    return Benchmark(
        name=entry["name"],
        names=tuple(entry["names"]),
        kind=kind,
        chance=chance,
        no_chance="" if chance is not None else why_not,
    )


def _rows(source: Mapping[str, Any], known: Mapping[str, Benchmark]) -> Iterator[PublishedTax]:
    shared = {
        key: value for key, value in source.items() if key not in ("rows", "stages", "steps", "methods")
    }
    for row in source["rows"]:
        for fields in _pairs(source, {**shared, **row}):
            yield _row(fields, known)


def _pairs(source: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A row as it stands, or one for every step where it gives a score a stage."""
    if "scores" not in row:
        yield row
        return
    scores = dict(zip(source["stages"], row["scores"], strict=True))
    methods = source.get("methods", {})
    for first, second in source["steps"]:
        pair = {"before": scores[first], "after": scores[second], "step": f"{first} → {second}"}
        yield {**row, **pair, "method": methods.get(second, second)}


def _row(fields: Mapping[str, Any], known: Mapping[str, Benchmark]) -> PublishedTax:
    name = f"{fields['source']}: {fields['model']}, {fields['benchmark']}"
    check, reason = fields["check"], fields.get("reason", "")
    harness, harness_after = fields["harness"], fields.get("harness_after", fields["harness"])
    disputed = check == "disputed"
    if check not in get_args(Check):
        raise ValueError(f"{name}: checked as {check!r}, not {', '.join(CHECKS)}")
    if disputed != bool(reason):
        raise ValueError(f"{name}: disputed without a reason, or a reason without being disputed")
    if harness != harness_after and not disputed:
        raise ValueError(f"{name}: before and after were measured by different harnesses: disputed")
    if not disputed and not ("before" in fields and "after" in fields):
        raise ValueError(f"{name}: before and after")
    return PublishedTax(
        benchmark=known[fields["benchmark"]],
        metric=fields["metric"],
        model=fields["model"],
        method=fields["method"],
        step=fields["step"],
        shots=fields.get("shots", ""),
        before=float(fields.get("before", math.nan)),
        after=float(fields.get("after", math.nan)),
        full=float(fields["full"]),
        higher_is_better=fields.get("higher_is_better", True),
        harness=harness,
        harness_after=harness_after,
        source=fields["source"],
        year=int(fields["year"]),
        check=check,
        reason=reason,
        note=fields.get("note", ""),
    )


def beside(run: Run, rows: Sequence[PublishedTax]) -> list[Beside]:
    """Where a run stands among the published taxes of the same benchmark, largest first.

    Args:
        run: one's own; without a known tax or loss nothing stands beside it.
        rows: published taxes of any benchmark; the disputed, and those without a figure, are passed over.
    """
    same = [row for row in rows if row.benchmark.called(run.benchmark) and row.check != "disputed"]
    figures = [(row.tax if run.tax.known else row.loss, row) for row in same if run.compared.known]
    return [
        Beside(published=row, figure=figure, apart=_apart(run, row), stands=_stands(run.compared, figure))
        for figure, row in sorted(figures, key=lambda pair: -pair[0].value)
        if figure.known
    ]


def _apart(run: Run, row: PublishedTax) -> str:
    """Why the two are not comparable; "" where harness and shots are the same."""
    if not run.harness:
        return "harness of the run not told"
    if not _plain(run.harness).startswith(_plain(row.harness)):  # a run tells its version too
        return "other harness"
    if not row.shots or not run.shots:
        return "shots not told"
    return "" if shots_word(run.shots) == row.shots else "other shots"


def _stands(run: Estimate, published: Estimate) -> Standing:
    low = run.value if math.isnan(run.low) else run.low
    high = run.value if math.isnan(run.high) else run.high
    return "larger" if published.value > high else "smaller" if published.value < low else "within"


def shots_word(text: str) -> str:
    """A number of shots as the table writes it: "5-shot" is "5"."""
    return re.sub(r"[\s_-]*shots?$", "", text.strip().lower())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.rpartition("/")[2].lower()).strip("_")
