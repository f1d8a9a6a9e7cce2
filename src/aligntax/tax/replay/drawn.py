"""The requests of a log that are replayed: drawn by strata, kept with the run, taken up again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.errors import UnreadableInput, UsageError
from aligntax.extension_points import Detector
from aligntax.labels.lines import json_lines
from aligntax.records import UNRATED_REASONS
from aligntax.records.asked import Question
from aligntax.records.files import atomic
from aligntax.stats.stratified_ratio import StratifiedSample
from aligntax.tax.judging import READ
from aligntax.tax.replay.strata import ReplayStratum, stratify
from aligntax.traffic.read import Log, Reading
from aligntax.traffic.redaction import Redactor

__all__ = ["Drawn", "ReplayRow", "draw_requests", "load_drawn", "save_drawn"]

_SCHEMA = "aligntax.replay/1"
_WORDS = {
    "tool_call_only": "answered by tool calls alone",
    "provider_error": "failed for technical reasons",
    "no_text": "the log kept no text of the answer",
    "": "without a prompt",
}
Seen = Callable[[int], None]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """One exchange of the log that was drawn.

    Attributes:
        question: id of the question it is asked as; exchanges of the same words share one.
        stratum: number of its stratum.
        cluster: number of its cluster: exchanges of one user, session or template, or of the same words.
        use_case: "" without one.
        outcome: of what the log recorded.
        cannot: whether that is a refusal for want of an ability.
        model: that answered, as the log has it; "" where it does not tell.
    """

    question: str
    stratum: int
    cluster: int
    use_case: str
    outcome: str
    cannot: bool
    model: str


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A sample of a log.

    Attributes:
        files: of the log, as they are read.
        population: exchanges that could have been drawn.
        left_out: reason -> exchanges that could not.
        strata: their sizes add up to the population.
        rows: the exchanges drawn.
        questions: what is asked, each once.
        redacted: whether personal data was taken out of the words first.
        seed: of the draw.
        detector: that told what the log recorded, with its version.
        identity: what the sample hangs on: files, size, seed and the like.
    """

    files: Sequence[str]
    population: int
    left_out: Mapping[str, int]
    strata: Sequence[ReplayStratum]
    rows: Sequence[ReplayRow]
    questions: Sequence[Question]
    redacted: bool
    seed: int
    detector: str
    identity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sample(self) -> StratifiedSample:
        """Strata and clusters of the rows."""
        return StratifiedSample(
            np.array([one.stratum for one in self.rows], np.int64),
            [one.size for one in self.strata],
            np.array([one.cluster for one in self.rows], np.int64),
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is known of every exchange that can be drawn, (exchanges,) each."""

    place: Codes
    use_case: Sequence[str]
    outcome: Sequence[str]
    cannot: npt.NDArray[np.bool_]
    model: Sequence[str]


def draw_requests(
    log: Log,
    detector: Detector,
    size: int,
    *,
    seed: int = 0,
    redactor: Redactor | None = None,
    identity: Mapping[str, Any] | None = None,
    seen: Seen = lambda exchanges: None,
) -> tuple[Drawn, Reading]:
    """Draws requests of a log, stratified by use case and by what the log recorded.

    The log is read twice: what it recorded first, then the words of those drawn.

    Args:
        log: opened.
        detector: tells what the log recorded.
        size: exchanges to draw; all that can be where there are no more.
        seed: another seed, another sample.
        redactor: takes personal data out of what is asked and kept; None to leave it in.
        identity: what the sample hangs on, to know it again.
        seen: told how many exchanges have been read.

    Returns:
        The sample, and what reading the log came to.

    Raises:
        UsageError: a size too small for the strata.
        UnreadableInput: nothing in the log could be asked again.
    """
    judged, left_out, reading = _judged(log, detector, seen)
    population = len(judged.place)
    if not population:
        raise UnreadableInput(
            f"{', '.join(log.described[:3])}: no request in it that can be asked again",
            hint="a log needs prompts and the answers to them",
        )
    strata, codes = stratify(judged.use_case, judged.outcome, size)
    generator = np.random.default_rng(seed)
    chosen = [
        np.sort(generator.choice(np.flatnonzero(codes == at), one.drawn, replace=False))
        for at, one in enumerate(strata)
    ]
    rows = np.sort(np.concatenate(chosen))
    texts = _texts(log, judged.place[rows], redactor)
    questions, asked = _questions(texts)
    clusters = _clusters([text.cluster for text in texts], asked)
    names = {name: _label(name, redactor) for name in set(judged.use_case)}
    drawn = [
        ReplayRow(
            question=asked[at],
            stratum=int(codes[row]),
            cluster=clusters[at],
            use_case=names[judged.use_case[row]],
            outcome=judged.outcome[row],
            cannot=bool(judged.cannot[row]),
            model=judged.model[row],
        )
        for at, row in enumerate(rows.tolist())
    ]
    found = Drawn(
        files=log.described,
        population=population,
        left_out=left_out,
        strata=[_renamed(one, names) for one in strata],
        rows=drawn,
        questions=_with_clusters(questions, drawn),
        redacted=redactor is not None,
        seed=seed,
        detector=f"{detector.name} ({detector.version})",
        identity=identity or {},
    )
    return found, reading


def save_drawn(drawn: Drawn, path: Path) -> None:
    """Writes a sample: a line on it, then a line for each question and each exchange."""
    head = {
        name: getattr(drawn, name) for name in Drawn.__dataclass_fields__ if name not in ("rows", "questions")
    }
    head["strata"] = [asdict(one) for one in drawn.strata]
    lines = [
        {"schema": _SCHEMA, **head},
        *({"question": asdict(one) | {"facets": dict(one.facets)}} for one in drawn.questions),
        *({"row": asdict(one)} for one in drawn.rows),
    ]
    with atomic(path) as part:
        text = "".join(json.dumps(one, ensure_ascii=True, default=list) + "\n" for one in lines)
        part.write_text(text, "utf-8")


def load_drawn(path: Path, identity: Mapping[str, Any]) -> Drawn:
    """Reads what `save_drawn` wrote.

    Args:
        path: of the file.
        identity: that the sample must have.

    Raises:
        UnreadableInput: it is not such a file.
        UsageError: it is a sample of something else.
    """
    lines = [row for _, row in json_lines(path, hint="name another directory with --out")]
    if not lines or lines[0].get("schema") != _SCHEMA:
        raise UnreadableInput(f"{path}: not a sample to replay", hint="name another directory with --out")
    head = {name: value for name, value in lines[0].items() if name != "schema"}
    known = json.loads(json.dumps(identity, default=list))
    if head["identity"] != known:
        apart = [name for name in known if head["identity"].get(name) != known[name]]
        raise UsageError(
            f"{path}: a sample drawn otherwise ({', '.join(apart) or 'differs'})",
            hint="name another directory with --out, or give the same options as before",
        )
    strata = [ReplayStratum(**one) for one in head.pop("strata")]
    questions = [Question(**one["question"]) for one in lines if "question" in one]
    rows = [ReplayRow(**one["row"]) for one in lines if "row" in one]
    return Drawn(**head, strata=strata, questions=questions, rows=rows)


def _judged(log: Log, detector: Detector, seen: Seen) -> tuple[_Judged, dict[str, int], Reading]:
    """What the log recorded of every exchange that can be drawn, and what cannot."""
    places, cannot, done = list[Codes](), list[npt.NDArray[np.bool_]](), 0
    use_cases, outcomes, models = list[str](), list[str](), list[str]()
    left_out = dict[str, int]()
    batches, reading = log.batches(READ)
    for batch in batches:
        told = detector(batch)
        reasons = told.column("reason").cast(pa.string())
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(batch.column("prompt")), ""), True)
        why = pc.if_else(pc.is_in(reasons, pa.array(UNRATED_REASONS)), reasons, pa.scalar(None, pa.string()))
        why = pc.if_else(blank, pc.coalesce(why, pa.scalar("")), why)
        for count in pc.value_counts(why.drop_null()).to_pylist():
            word = _WORDS[count["values"]]
            left_out[word] = left_out.get(word, 0) + count["counts"]
        kept = why.is_null()
        places.append(done + np.flatnonzero(kept.to_numpy(zero_copy_only=False)))
        use_cases += pc.fill_null(batch.column("use_case").filter(kept), "").to_pylist()
        outcomes += told.column("outcome").cast(pa.string()).filter(kept).to_pylist()
        answered = pc.coalesce(batch.column("model_served"), batch.column("model_requested"), pa.scalar(""))
        models += answered.filter(kept).to_pylist()
        cannot.append(
            pc.fill_null(pc.equal(reasons.filter(kept), "cannot"), False).to_numpy(zero_copy_only=False)
        )
        done += batch.num_rows
        seen(done)
    where = np.concatenate(places) if places else np.array([], np.int64)
    unable = np.concatenate(cannot) if cannot else np.array([], bool)
    return _Judged(where, use_cases, outcomes, unable, models), left_out, reading


@dataclass(frozen=True, slots=True)
class _Text:
    """Words of one exchange."""

    system: str | None
    prompt: str
    cluster: str | None


def _texts(log: Log, places: Codes, redactor: Redactor | None) -> list[_Text]:
    """The words of the exchanges at those places of the log, in their order."""
    found, done = list[_Text](), 0
    batches, _ = log.batches(["id", "system", "prompt", "cluster"])
    for batch in batches:
        mine = places[(places >= done) & (places < done + batch.num_rows)] - done
        done += batch.num_rows
        if not len(mine):
            continue
        taken = batch.take(pa.array(mine))
        columns = [taken.column(name) for name in ("system", "prompt", "cluster")]
        if redactor is not None:
            columns[:2] = [redactor.column(one) for one in columns[:2]]
        found += [_Text(*row) for row in zip(*(one.to_pylist() for one in columns), strict=True)]
    return found


def _questions(texts: Sequence[_Text]) -> tuple[list[Question], list[str]]:
    """Every system prompt and prompt once, and (rows,) the question of each row."""
    known = dict[tuple[str | None, str], Question]()
    asked = []
    for one in texts:
        key = (one.system or None, one.prompt)
        if key not in known:
            name = f"replay/{len(known) + 1:05d}"
            known[key] = Question(id=name, prompt=one.prompt, system=key[0], facets={"set": "replay"})
        asked.append(known[key].id)
    return list(known.values()), asked


def _clusters(names: Sequence[str | None], asked: Sequence[str]) -> list[int]:
    """(rows,) the cluster of each: rows of one user, and rows of one question, are in one."""
    parent = dict[tuple[str, str], tuple[str, str]]()

    def root(one: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(one, one) != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for name, question in zip(names, asked, strict=True):
        if name is not None:
            parent[root(("user", name))] = root(("question", question))
    codes = dict[tuple[str, str], int]()
    return [codes.setdefault(root(("question", question)), len(codes)) for question in asked]


def _with_clusters(questions: Sequence[Question], rows: Sequence[ReplayRow]) -> list[Question]:
    """Questions with the cluster of their rows, and their use case where they have but one."""
    mine = dict[str, list[ReplayRow]]()
    for row in rows:
        mine.setdefault(row.question, []).append(row)
    return [
        Question(
            id=one.id,
            prompt=one.prompt,
            system=one.system,
            cluster=f"c{mine[one.id][0].cluster}",
            facets={**one.facets, "use_case": mine[one.id][0].use_case},
        )
        for one in questions
    ]


def _label(name: str, redactor: Redactor | None) -> str:
    return name if redactor is None else redactor.text(name)


def _renamed(one: ReplayStratum, names: Mapping[str, str]) -> ReplayStratum:
    return ReplayStratum(
        use_case=names.get(one.use_case, one.use_case),
        outcome=one.outcome,
        size=one.size,
        drawn=one.drawn,
        pooled=one.pooled,
    )
