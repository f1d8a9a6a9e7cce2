"""What the judge did: counted for the reader, and written down line by line where a file is given."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aligntax.detectors.judge.answer import Judgement
from aligntax.detectors.judge.model import Question, Reply, Usage
from aligntax.errors import UsageError

__all__ = ["Journal", "Tally"]


@dataclass(slots=True)
class Tally:
    """Counts over everything a judge was asked so far.

    Attributes:
        open: exchanges that were for it to judge.
        asked: those it was asked about.
        beyond_limit: those it was not asked about, because of the limit.
        scored: judgements with a class, by class.
        unscored: answers without, by why; `judge_refused` are the judge's own refusals.
        failures: requests without a reply, by kind of failure.
        cut: exchanges whose middle it was not shown.
        usage: tokens. Answers out of Inspect's cache count as when they were first asked for.
    """

    open: int = 0
    asked: int = 0
    beyond_limit: int = 0
    scored: Counter[str] = field(default_factory=Counter)
    unscored: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    usage: Usage = field(default_factory=Usage)

    def count(self, question: Question, reply: Reply, judgement: Judgement) -> None:
        """Counts one answer."""
        self.asked += 1
        self.cut += question.cut
        self.usage += reply.usage
        if reply.error:
            self.failures[reply.error] += 1
        if judgement.verdict is not None:
            self.scored[judgement.verdict] += 1
        elif judgement.unscored is not None:
            self.unscored[judgement.unscored] += 1

    def lines(self) -> list[str]:
        """The counts in words, one sentence a line."""
        said = [f"judge: asked about {self.asked:,} of {self.open:,} open exchanges, {self._unscored()}"]
        if self.beyond_limit:
            said.append(
                f"judge: {self.beyond_limit:,} open exchanges lie beyond the limit and stay as they were; "
                "those asked about came first in the log"
            )
        if self.cut:
            said.append(f"judge: of {self.cut:,} long exchanges it saw the beginning and the end")
        tokens = f"{self.usage.tokens_in:,} tokens in, {self.usage.tokens_out:,} out"
        return [*said, f"judge: {tokens}, cost unknown"]

    def _unscored(self) -> str:
        if not self.unscored:
            return "none unscored"
        why = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in sorted(self.unscored.items()))
        if self.failures:
            kinds = ", ".join(f"{kind}: {n:,}" for kind, n in self.failures.most_common(3))
            why = why.replace("no reply", f"no reply ({kinds})")
        return f"{self.unscored.total():,} unscored ({why})"


class Journal:
    """One JSON object a judgement, added to a file as soon as the answer is there.

    Args:
        path: of the file, which is added to; None writes nothing.
        version: of the judge.
        model: its name.
        keep_text: whether evidence and the judge's raw answer, which quote the response, are kept.
    """

    def __init__(self, path: Path | None, *, version: str, model: str, keep_text: bool) -> None:
        self._path = path
        self._said = {"judge": version, "model": model}
        self._keep_text = keep_text
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside, `write` writes.

        Raises:
            UsageError: the file cannot be written to.
        """
        if self._path is None:
            yield
            return
        with self._lock:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("a", encoding="utf-8")
            except OSError as error:
                hint = "name a file that can be written to"
                raise UsageError(
                    f"{self._path}: the judge's log cannot be written: {error}", hint=hint
                ) from error
            with self._file:
                yield
            self._file = None

    def write(
        self, identifier: str | None, question: Question, reply: Reply, judgement: Judgement, response: str
    ) -> None:
        """Notes one judgement."""
        if self._file is None:
            return
        said: dict[str, object] = {
            "id": identifier,
            **self._said,
            "class": judgement.verdict,
            "reason": judgement.reason,
            "unscored": judgement.unscored,
            "evidence_start": judgement.start,
            "evidence_end": judgement.end,
            "order": question.order,
            "cut": question.cut,
            "stop": reply.stop,
            "error": reply.error or None,
            "tokens_in": reply.usage.tokens_in,
            "tokens_out": reply.usage.tokens_out,
        }
        if self._keep_text:
            said["evidence"] = None if judgement.start is None else response[judgement.start : judgement.end]
            said["answer"] = reply.text
        self._file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self._file.flush()
