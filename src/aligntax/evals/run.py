"""Tasks carried out for a command: which models are asked, who keeps the answers, what the scorers found."""

import contextlib
import gc
import os
import random
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog, read_eval_log_sample_summaries
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig, Model
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Solver, TaskState

from aligntax.errors import UsageError
from aligntax.evals.ask import ask
from aligntax.evals.going import going
from aligntax.evals.stopping import Stopping
from aligntax.models.endpoint.asking import Asker
from aligntax.models.endpoint.opening import made
from aligntax.models.endpoint.retrying import patient
from aligntax.models.endpoint.spec import ModelSpec, Sampling
from aligntax.records.asked import Question, Reply

__all__ = ["LEAN", "Answered", "Connection", "Run", "messages_of", "samples_of", "shuffled"]

_AHEAD = 2
"""Samples for each connection: while one is scored and written, another is asked."""
LEAN: Mapping[str, Any] = {
    "ctl_server": False,
    "log_realtime": False,
    "log_model_api": False,
    "log_buffer": 200,
    "score_display": False,
}
"""What of Inspect a run does without: a socket to steer it by and a second copy of every event while it goes
on, each request as it went over the wire, and the scores so far. Every sample is in its log all the same, and
the journal has the answers, so that the log may be written less often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How requests are sent.

    Attributes:
        max_connections: under way at a time, to one model.
        max_retries: tries after the first, where the provider is busy or failing, with growing pauses.
        timeout: seconds before one try is given up.
    """

    max_connections: int = 16
    max_retries: int = 5
    timeout: int = 120


@dataclass(frozen=True, slots=True)
class Answered:
    """One model's replies to one set of questions.

    Attributes:
        questions: by id.
        replies: one for every question and sample, in that order; what is missing is among them, and says so.
        found: (question, sample) -> what the scorers found, by scorer.
        log: where Inspect wrote the samples.
    """

    questions: Mapping[str, Question]
    replies: Sequence[Reply]
    found: Mapping[tuple[str, int], Mapping[str, Any]]
    log: str


@dataclass(slots=True)
class Run:
    """Carries out tasks, one after the other or side by side.

    Attributes:
        asker: asks, keeps, counts.
        sampling: how models draw their answers.
        connection: how requests are sent.
        logs: directory of Inspect's logs.
        seed: of the order in which questions are asked.
    """

    asker: Asker
    sampling: Sampling
    connection: Connection
    logs: Path
    seed: int = 0
    models: list[tuple[ModelSpec, Sampling]] = field(default_factory=list)
    replies: dict[tuple[int, str, int], Reply] = field(default_factory=dict)
    found: dict[tuple[int, str, int], dict[str, Any]] = field(default_factory=dict)

    def ask(
        self,
        title: str,
        questions: Sequence[Question],
        models: Sequence[ModelSpec],
        *,
        samples: int = 1,
        solver: Solver | None = None,
        scorer: Sequence[Scorer] = (),
        sampling: Sampling | None = None,
    ) -> list[Answered]:
        """Puts every question before every model, the models side by side.

        Args:
            title: of the task, in Inspect's log.
            questions: with ids of their own; asked in a random order, so that a run that is stopped early
                has a random sample of them, and clusters whole as far as that goes.
            models: to ask.
            samples: draws of each question, >= 1.
            solver: how a question is asked; by default as it stands.
            scorer: look at the answers as they come.
            sampling: how answers are drawn; the run's own by default.

        Returns:
            One for every model, in their order; replies stand in the order of the questions given.

        Raises:
            UsageError: two questions have the same id; or no such provider, or its package or API key is
                missing.
            AligntaxError: every request is turned away.
        """
        _own_ids(questions)
        order = shuffled(questions, self.seed)
        first, drawn = len(self.models), sampling or self.sampling
        self.models += [(spec, drawn) for spec in models]
        tasks = [
            self._task(title, order, at, samples, solver or ask(model=at), scorer, plain=solver is None)
            for at in range(first, len(self.models))
        ]
        logs = self._carried_out(tasks)
        if self.asker.failed is not None:
            raise self.asker.failed
        for log in logs:
            _unbroken(log)
        return [self._answered(at, questions, samples, log) for at, log in enumerate(logs, start=first)]

    def _task(
        self,
        title: str,
        questions: Sequence[Question],
        model: int,
        samples: int,
        solver: Solver,
        scorer: Sequence[Scorer],
        *,
        plain: bool,
    ) -> Task:
        """A task of Inspect's; in a `plain` one questions are asked as they stand."""
        spec, sampling = self.models[model]
        live, asked = self.open(spec, sampling), {one.id: messages_of(one) for one in questions}

        def skipped(question: str, sample: int) -> str:
            stops = plain and self.asker.skipped(question, sample, spec, sampling, asked[question])
            return self.asker.stopped if stops else ""

        return Task(
            dataset=MemoryDataset(samples_of(questions), name=title),
            solver=solver,
            scorer=list(scorer) or None,
            model=live,
            epochs=Epochs(
                samples, "mode"
            ),  # an outcome is a word: Inspect's own choice, the mean, warns of each
            early_stopping=Stopping(live, skipped),
            name=title,
            metadata={"model": spec.given},
        )

    @property
    def at_once(self) -> int:
        """Samples of a model that are under way at a time."""
        return self.connection.max_connections * _AHEAD

    def note(self, state: TaskState, scorer: str, found: Any) -> None:  # noqa: ANN401 - the scorer's own
        """What a scorer found of a sample."""
        at = int(state.metadata["model"])
        self.found.setdefault((at, str(state.sample_id), state.epoch), {})[scorer] = found

    def open(self, spec: ModelSpec, sampling: Sampling) -> Model:
        """A model ready to be asked.

        Raises:
            UsageError: no such provider, or its package or API key is missing.
        """
        greedy = spec.name.startswith("hf/") and sampling.temperature == 0
        config = GenerateConfig(
            temperature=None if greedy else sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
            max_connections=self.connection.max_connections,
            max_retries=self.connection.max_retries,
            attempt_timeout=self.connection.timeout,
        )
        # a checkpoint has no temperature 0: it is told to take the likeliest word
        args = {**spec.args, "do_sample": False} if greedy else spec.args
        return patient(made(spec.name, config, spec.base_url, args, who=spec.given))

    def _carried_out(self, tasks: Sequence[Task]) -> list[EvalLog]:
        with going(self), _quiet():
            logs: list[EvalLog] = eval(
                list(tasks),
                display="none",
                log_dir=str(self.logs),
                log_header_only=True,
                log_level="error",
                max_tasks=len(tasks),
                max_samples=self.at_once,
                max_connections=self.connection.max_connections,
                fail_on_error=False,
                **LEAN,
            )
        return logs

    def _answered(self, model: int, questions: Sequence[Question], samples: int, log: EvalLog) -> Answered:
        given = self.models[model][0].given
        replies, found = list[Reply](), dict[tuple[str, int], Mapping[str, Any]]()
        for question in questions:
            for sample in range(1, samples + 1):
                key = (model, question.id, sample)
                missing = Reply(question=question.id, sample=sample, model=given, stop="not_asked")
                replies.append(self.replies.get(key, missing))
                if key in self.found:
                    found[question.id, sample] = self.found[key]
        return Answered({one.id: one for one in questions}, replies, found, log.location)


def shuffled(questions: Sequence[Question], seed: int) -> list[Question]:
    """Questions in a random order of their clusters; within a cluster as given, one without is its own."""
    clusters: dict[object, list[Question]] = {}
    for question in questions:
        clusters.setdefault(question.cluster or (question.id,), []).append(question)
    order = list(clusters.values())
    random.Random(seed).shuffle(order)
    return [question for cluster in order for question in cluster]


def _own_ids(questions: Sequence[Question]) -> None:
    ids = Counter(question.id for question in questions)
    twice = [name for name, times in ids.items() if times > 1]
    if twice:
        named = ", ".join(map(repr, twice[:3])) + (", ..." if len(twice) > 3 else "")
        raise UsageError(
            f"{len(twice)} ids belong to several questions: {named}", hint="give every question its own id"
        )


def _unbroken(log: EvalLog) -> None:
    """Has what went wrong in Inspect or in a scorer come out; a request that failed is no such thing."""
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status == "error":
        raise RuntimeError(f"{log.location}: {log.error.message if log.error else 'ended in an error'}")
    results = log.results
    if results is None or results.completed_samples < results.total_samples:  # or stopped early
        broken = next((one for one in read_eval_log_sample_summaries(log.location) if one.error), None)
        if broken is not None:
            raise RuntimeError(f"{log.location}, sample {broken.id}: {broken.error}")


_QUIET = {"INSPECT_DISPLAY": "none", "INSPECT_TRACE_LEVEL": "WARNING"}
"""Environment of a run: no display of Inspect's, and no file that traces every request."""


def samples_of(questions: Sequence[Question]) -> list[Sample]:
    """Questions as Inspect's samples."""
    return [
        Sample(input=messages_of(one), id=one.id, metadata={**one.facets, "cluster": one.cluster})
        for one in questions
    ]


def messages_of(question: Question) -> list[ChatMessage]:
    """System prompt, if there is one, and the user's words."""
    system: list[ChatMessage] = [ChatMessageSystem(content=question.system)] if question.system else []
    return [*system, ChatMessageUser(content=question.prompt)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inspect's notes on its own work, and what Python warns of in it, stay out of ours."""
    before = {name: os.environ.get(name) for name in _QUIET}
    os.environ.update(_QUIET)
    try:
        with warnings.catch_warnings(), _little_garbage():
            warnings.filterwarnings("ignore", "The 'initial' parameter is deprecated", DeprecationWarning)
            warnings.filterwarnings("ignore", "Unclosed <MemoryObject", ResourceWarning)
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _little_garbage() -> Iterator[None]:
    """Has the garbage collector leave alone what was there before, and clear up at the end.

    Each answer makes some thousand objects, so that all of the imported packages would be looked through
    again and again; and the streams Inspect leaves open are told of here, not in the midst of other things.
    """
    gc.freeze()
    try:
        yield
        gc.collect()
    finally:
        gc.unfreeze()
