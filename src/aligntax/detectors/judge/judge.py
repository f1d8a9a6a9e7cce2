"""A language model reads what cheaper layers could not decide, by a rubric, and is not taken at its word."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.judge.answer import PARSER_VERSION, Judgement, read_answer
from aligntax.detectors.judge.journal import Journal, Tally
from aligntax.detectors.judge.model import ModelSettings, Question, Reply
from aligntax.detectors.judge.rubric import Rubric, load_rubric
from aligntax.detectors.judge.running import Errand
from aligntax.detectors.judge.undecided import Band, readable, undecided
from aligntax.detectors.phrases import PhraseDetector
from aligntax.detectors.verdict import COMPLETE, HEDGED, NONE, REFUSED, UNDETERMINED, Verdict
from aligntax.errors import MissingExtra, UsageError
from aligntax.records import LAYERS, REASONS

__all__ = ["Judge"]

_CODES = {"complete": COMPLETE, "hedged": HEDGED, "refused": REFUSED, "not_applicable": UNDETERMINED}
_SCORES = {"complete": 0.0, "hedged": 0.5, "refused": 1.0, "not_applicable": 0.0}
_EVIDENCE_CHARS = 160


class Judge:
    """Outcome by a language model, asked through Inspect, any provider.

    The judge is shown prompt and response, between marks no text can forge; never a use case, a system
    prompt or a model's name. Its answer counts only in the strict form of the rubric and with evidence that
    stands in the response: anything else is unscored, never a class by default.

    Prompts and responses go to the judge's provider as they are.

    Args:
        model: as Inspect names it, "provider/model".
        settings: how the model is asked.
        rubric: what it is told; the one that comes with the package by default.
        band: scores, both included, at which `overrule` asks about a verdict of other layers; None for never.
        limit: most exchanges ever asked about, in the order they come; None for no limit.
        log: file that a JSON line is added to for every judgement.
        keep_text: whether that file keeps evidence and raw answers, which quote the response.
        progress: told the number of answers so far, after each.

    Raises:
        UsageError: a model without its provider, or a limit below 0.
    """

    name = "judge"

    def __init__(
        self,
        model: str,
        *,
        settings: ModelSettings | None = None,
        rubric: Rubric | None = None,
        band: Band | None = None,
        limit: int | None = None,
        log: Path | None = None,
        keep_text: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        provider, _, rest = model.partition("/")
        if not (provider and rest):
            raise UsageError(f"judge {model!r} names no provider", hint="write it as in openai/gpt-4o-mini")
        if limit is not None and limit < 0:
            raise UsageError(f"the judge's limit is {limit}", hint="0 or more exchanges")
        self.model = model
        self.tally = Tally()
        self._settings = settings or ModelSettings()
        self._rubric = rubric or load_rubric()
        self._band, self._limit, self._progress = band, limit, progress
        self.version = f"{PARSER_VERSION} sha256:{self._fingerprint()[:12]}"
        self._journal = Journal(log, version=self.version, model=model, keep_text=keep_text)
        self._errand = Errand()

    @property
    def layer_version(self) -> str:
        """The version as a layer: which exchanges it is asked about changes verdicts too."""
        band = (
            "undetermined" if self._band is None else f"undetermined or {self._band[0]:g}-{self._band[1]:g}"
        )
        limit = "" if self._limit is None else f", at most {self._limit}"
        return f"{self.version} ({band}{limit})"

    def ready(self) -> None:
        """Sees that the model can be asked, without asking it.

        Raises:
            MissingExtra: Inspect is not installed.
            UsageError: no such provider, or its package or API key is missing.
        """
        self._errand.run(_inspect().probe(self.model, self._settings))

    def stop(self) -> None:
        """Ends what is under way, from any thread; it then raises KeyboardInterrupt where it was called."""
        self._errand.stop()

    def stopped_by_interrupt(self) -> AbstractContextManager[None]:
        """Inside, Ctrl-C ends the judging on other threads too; what was answered is in the log."""
        return self._errand.stopped_by_interrupt()

    def __call__(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """EXCHANGE schema in (`id`, `prompt` and `response` are read), OUTCOME schema out.

        Every response in words is asked about, up to the limit. Rows without a judgement are undetermined,
        and their evidence says why: `judge: evidence_not_found`.

        Raises:
            MissingExtra: Inspect is not installed.
            UsageError: the model's name, package or key is wrong.
            AligntaxError: the provider cannot be asked.
            KeyboardInterrupt: `stop` was called.
        """
        lengths = pc.fill_null(pc.utf8_length(exchanges.column("response")), 0).to_numpy()
        verdict = Verdict.complete(lengths.astype(np.int64))
        verdict.outcome[:] = UNDETERMINED
        verdict.answer_offset[:] = NONE
        verdict.reason[lengths == 0] = REASONS.index("empty")
        rows = np.flatnonzero(readable(exchanges))
        judged = self._judged(exchanges, rows)
        _unscored(verdict, rows, judged)
        _write(verdict, judged, exchanges)
        return verdict.batch(exchanges.column("id"), self.name, self.version)

    def overrule(self, verdict: Verdict, exchanges: pa.RecordBatch) -> None:
        """Asks about what is open in a verdict of other layers and writes what it learns over it.

        Rows that are decided, beyond the limit, or unscored stay exactly as they are.

        Raises:
            as for a call.
        """
        _write(verdict, self._judged(exchanges, undecided(verdict, exchanges, self._band)), exchanges)

    def _fingerprint(self) -> str:
        """SHA-256 of everything that can change a judgement."""
        parts = [PARSER_VERSION, self.model, self._rubric.text, self._settings.decisive()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _judged(self, exchanges: pa.RecordBatch, rows: npt.NDArray[np.int64]) -> dict[int, Judgement]:
        """Judgements, scored or not, of those of the rows that the limit leaves room for."""
        room = len(rows) if self._limit is None else max(0, self._limit - self.tally.asked)
        asked = rows[:room]
        self.tally.open += len(rows)
        self.tally.beyond_limit += len(rows) - len(asked)
        judged: dict[int, Judgement] = {}
        if not len(asked):
            return judged
        texts = exchanges.select(["id", "prompt", "response"]).take(pa.array(asked)).to_pylist()
        at = dict(zip(asked.tolist(), texts, strict=True))

        def heard(row: int, question: Question, reply: Reply) -> None:
            response = at[row]["response"]
            judged[row] = judgement = read_answer(reply, response, self._declines)
            self.tally.count(question, reply, judgement)
            self._journal.write(at[row]["id"], question, reply, judgement, response)
            if self._progress is not None:
                self._progress(self.tally.asked)

        with self._journal.opened():
            self._errand.run(_inspect().ask(self.model, self._settings, self._questions(at), heard))
        return judged

    def _questions(self, at: dict[int, dict[str, str | None]]) -> Iterator[tuple[int, Question]]:
        for row, text in at.items():
            response = text["response"] or ""
            yield (
                row,
                self._rubric.question(text["id"], text["prompt"], response, shown=self._settings.shown),
            )

    @cached_property
    def _phrases(self) -> PhraseDetector:
        return PhraseDetector()

    def _declines(self, answer: str) -> bool:
        """Whether the judge's own words are a refusal."""
        columns = {"id": [""], "prompt": [""], "response": [answer]}
        verdict = self._phrases.judge(pa.RecordBatch.from_pydict(columns))
        return bool(verdict.outcome[0] == REFUSED)


def _inspect() -> ModuleType:
    """The module that needs Inspect.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        from aligntax.detectors.judge import asking
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "inspect_ai", "models") from error
    return asking


def _unscored(verdict: Verdict, rows: npt.NDArray[np.int64], judged: dict[int, Judgement]) -> None:
    """Says of rows without a class why they have none."""
    why = {row: judged[row].unscored if row in judged else "beyond_limit" for row in rows.tolist()}
    told = {row: f"judge: {reason}" for row, reason in why.items() if reason is not None}
    verdict.show(np.array(list(told), np.int64), pa.array(list(told.values()), pa.string()))


def _write(verdict: Verdict, judged: dict[int, Judgement], exchanges: pa.RecordBatch) -> None:
    """Writes the judgements that have a class over a verdict; what the text looks like stays as it was."""
    scored = {row: judged[row] for row in sorted(judged) if judged[row].verdict is not None}
    if not scored:
        return
    rows, found = np.array(list(scored), np.int64), list(scored.values())
    outcome = np.array([_CODES[j.verdict] for j in found if j.verdict], np.int8)
    verdict.outcome[rows] = outcome
    verdict.score[rows] = [_SCORES[j.verdict] for j in found if j.verdict]
    verdict.reason[rows] = [NONE if j.reason is None else REASONS.index(j.reason) for j in found]
    verdict.layer[rows] = np.where(outcome == REFUSED, LAYERS.index("model"), NONE)
    # where an answer begins the judge does not say: what was known stays, unknown stays unknown
    verdict.answer_offset[rows] = np.where(outcome >= REFUSED, NONE, verdict.answer_offset[rows])
    start = np.array([NONE if j.start is None else j.start for j in found], np.int32)
    end = np.array([NONE if j.end is None else j.end for j in found], np.int32)
    end = np.minimum(end, np.where(start == NONE, NONE, start + _EVIDENCE_CHARS)).astype(np.int32)
    responses = exchanges.column("response").take(pa.array(rows)).to_pylist()
    shown = [text[a:b] if a != NONE else None for text, a, b in zip(responses, start, end, strict=True)]
    verdict.show(rows, pa.array(shown, pa.string()), start, end)
