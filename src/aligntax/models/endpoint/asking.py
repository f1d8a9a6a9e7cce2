"""Requests put before models, each once: what is paid for is kept, what is known is not asked again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from inspect_ai.model import ChatMessage, ModelOutput

from aligntax.errors import AligntaxError
from aligntax.models.endpoint.budget import Budget
from aligntax.models.endpoint.journal import Journal, key_of
from aligntax.models.endpoint.opening import failure, reply_of, usage_of
from aligntax.models.endpoint.spec import ModelSpec, Sampling
from aligntax.records.asked import Reply, Usage

__all__ = ["Asker", "Generate", "identity", "kept_replies", "spent_before"]

_PATIENCE = 20
"""Requests in a row that may fail, retries and all, before the rest is not sent."""
Generate = Callable[[], Awaitable[ModelOutput]]
"""Sends the request."""


@dataclass(slots=True)
class Asker:
    """Asks for a run.

    Attributes:
        journal: of this run; a request in it is answered from it, refusals and all, as it was paid for.
        budget: what the run may cost.
        shared: answers of other runs, which this one takes and adds to; None for none.
        refused: keys in `shared` whose answer was a refusal. They are asked again: one that came by chance
            would else come for ever.
        told: called with every reply.
        stopped: why nothing is sent any more; "" while requests go out.
        failed: the error to end with, where no request fares better than the last.
        missing: replies there is no answer in.
    """

    journal: Journal
    budget: Budget
    shared: Journal | None = None
    refused: frozenset[str] = frozenset()
    told: Callable[[Reply], None] = lambda reply: None
    stopped: str = ""
    failed: AligntaxError | None = None
    missing: int = 0
    _failures: int = field(default=0, init=False)
    _under_way: dict[str, asyncio.Future[None]] = field(default_factory=dict, init=False)
    _queue: list[asyncio.Future[None]] = field(default_factory=list, init=False)

    async def ask(
        self,
        question: str,
        sample: int,
        spec: ModelSpec,
        sampling: Sampling,
        messages: Sequence[ChatMessage],
        generate: Generate,
    ) -> tuple[Reply, ModelOutput | None]:
        """One answer: a known one, or a new one that is kept.

        The same request is paid for once, whatever the questions are called that it comes from.

        Args:
            question: its id.
            sample: number of the draw, from 1.
            spec: the model.
            sampling: how it draws.
            messages: of the request.
            generate: sends it.

        Returns:
            The reply, and Inspect's own form of it; None where there is no answer.
        """
        said = _said(messages)
        key = key_of(identity(spec, sampling, said, sample))
        while key in self._under_way:
            await self._under_way[key]
        if (entry := self.journal.get(key) or self._known(key)) is not None:
            output = ModelOutput.model_validate(entry["output"])
            seconds = float(cast(float, entry["seconds"]))
            reply = reply_of(question, sample, spec.given, output, seconds=seconds, known=True)
        else:
            asked = Reply(question=question, sample=sample, model=spec.given, stop="not_asked")
            with self._alone(key):
                reply, output = await self._new(key, asked, spec, sampling, said, generate)
        self._tell(reply)
        return reply, output

    def skipped(
        self,
        question: str,
        sample: int,
        spec: ModelSpec,
        sampling: Sampling,
        messages: Sequence[ChatMessage],
    ) -> bool:
        """Whether a request will not be answered, as nothing is sent any more and its answer is not known.

        Args:
            question: its id.
            sample: number of the draw, from 1.
            spec: the model.
            sampling: how it draws.
            messages: of the request.
        """
        if not self.stopped:
            return False
        key = key_of(identity(spec, sampling, _said(messages), sample))
        if key in self.journal or self._shares(key):
            return False
        self._tell(Reply(question=question, sample=sample, model=spec.given, stop="not_asked"))
        return True

    def _tell(self, reply: Reply) -> None:
        self.missing += not reply.answered
        self.told(reply)

    def _shares(self, key: str) -> bool:
        return self.shared is not None and key in self.shared and key not in self.refused

    def _known(self, key: str) -> Mapping[str, object] | None:
        """The answer of another run, which is from now on this run's too, and cost it nothing."""
        if self.shared is None or not self._shares(key):
            return None
        entry = self.shared.get(key)
        if entry is not None:
            self.journal.put(key, {**entry, "cost": 0.0})
        return entry

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Has the same request wait until this one is through."""
        ended = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._under_way[key]
            ended.set_result(None)

    async def _new(
        self,
        key: str,
        asked: Reply,
        spec: ModelSpec,
        sampling: Sampling,
        said: list[list[str]],
        generate: Generate,
    ) -> tuple[Reply, ModelOutput | None]:
        size = sum(len(words.encode("utf-8", "surrogatepass")) for _, words in said)
        reserved = await self._room(spec, size, sampling.max_tokens)
        if reserved is None:
            return asked, None
        started, usage = time.monotonic(), Usage()
        try:
            output = await generate()
            usage = usage_of(output)
        except Exception as error:  # whatever a provider's package raises; none of it may end the run
            return self._failure(asked, spec, error), None
        finally:
            self.budget.settle(spec.given, reserved, usage)
            self._let_on()
        self._failures = 0
        seconds = round(time.monotonic() - started if output.time is None else output.time, 3)
        self._keep(key, seconds, self.budget.cost(spec.given, usage), output)
        return reply_of(asked.question, asked.sample, spec.given, output, seconds=seconds), output

    async def _room(self, spec: ModelSpec, size: int, max_tokens: int) -> float | None:
        """Room in the budget, as soon as there is some; None where there will be none, and the run stops.

        Who comes first is served first: else short requests would find room where long ones do not, and a run
        stopped by its limit would be no random sample.
        """
        while not self.stopped:
            reserved = None if self._queue else self.budget.reserve(spec.given, size, max_tokens)
            if reserved is not None:
                return reserved
            if not self.budget.waiting:
                self.budget.reached, self.stopped = True, "the cost limit was reached"
                break
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            await turn
        return None

    def _let_on(self) -> None:
        """Lets those who wait for room look again."""
        waiting, self._queue = self._queue, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    def _keep(self, key: str, seconds: float, cost: float, output: ModelOutput) -> None:
        """Keeps an answer; where that cannot be done no other is paid for."""
        kept = output.model_dump(exclude_none=True, mode="json")
        entry = {"seconds": seconds, "cost": cost, "output": kept}
        try:
            self.journal.put(key, entry)
            if self.shared is not None:
                self.shared.put(key, entry)
        except AligntaxError as error:
            self.failed, self.stopped = error, error.message

    def _failure(self, asked: Reply, spec: ModelSpec, error: Exception) -> Reply:
        self._failures += 1
        try:
            told = failure(spec.given, error)
        except AligntaxError as hopeless:
            self.failed, self.stopped = self.failed or hopeless, hopeless.message
            told = hopeless.message.rpartition(": ")[2]
        if self._failures >= _PATIENCE and not self.stopped:
            self.stopped = f"{spec.given}: {_PATIENCE} requests in a row failed, the last with {told}"
        return replace(asked, stop="error", error=told)


def kept_replies(journal: Journal) -> list[Reply]:
    """Every answer in a journal, with its key in place of a question."""
    return [
        reply_of(key, 1, "", ModelOutput.model_validate(entry["output"]), known=True)
        for key, entry in journal
    ]


def _said(messages: Sequence[ChatMessage]) -> list[list[str]]:
    return [[message.role, message.text] for message in messages]


def spent_before(journal: Journal) -> float:
    """US dollars that the answers in a run's journal have cost."""
    return sum(float(entry.get("cost", 0.0)) for _, entry in journal)


def identity(
    spec: ModelSpec, sampling: Sampling, messages: Sequence[Sequence[str]], sample: int
) -> dict[str, object]:
    """All that can change an answer: what its key is made of."""
    provider, _, model = spec.name.partition("/")
    return {
        "provider": provider,
        "model": model,
        "base_url": spec.base_url,
        "revision": spec.revision,
        "template": spec.template,
        "parameters": {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed,
        },
        "messages": messages,
        "tools": [],
        "sample": sample,
    }
