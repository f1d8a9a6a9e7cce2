"""What every command that asks a model shares: options, what asking will cost, the run, what came of it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from aligntax.cli.output import Advance
from aligntax.cli.run_directory import digest_of, run_directory
from aligntax.errors import needs
from aligntax.models.endpoint.budget import Budget, Cost, Rate, estimated
from aligntax.models.endpoint.journal import Journal
from aligntax.models.endpoint.spec import COMPATIBLE, ModelSpec, Sampling, model_spec
from aligntax.records.asked import Question, Reply
from aligntax.tax.prices import load_prices

__all__ = ["Live", "Plan", "asked_document", "opened_run", "plan_document", "spending", "split"]

EXPECTED = 300
"""Tokens of an answer that nobody knows yet."""
JUDGED = Sampling(temperature=0.0, max_tokens=512)
"""How a judge draws its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The options of asking, as `cli.options` describes them.

    Attributes:
        model: models to ask.
        judge: model that judges answers; None where nothing is judged.
        epochs: answers drawn for each question.
        temperature: None leaves it to the provider.
        top_p: likewise.
        max_tokens: of an answer.
        max_cost: US dollars the run may cost; None for no limit.
        max_samples: questions asked, at most, drawn at random; None for all.
        dry_run: whether to reckon the cost and ask nothing.
        out: directory of the run; None for one named after command and time, in `aligntax-runs`, or that of
            the same command where it was stopped.
        cache: file of answers shared between runs.
        connections: requests under way at a time.
        retries: tries after the first.
        timeout: seconds before a try is given up.
        prices: price table.
        ask_seed: of the order of questions, and for providers that take one.
    """

    model: Sequence[str] = ()
    judge: str | None = None
    epochs: int = 1
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 1024
    max_cost: float | None = None
    max_samples: int | None = None
    dry_run: bool = False
    out: Path | None = None
    cache: Path | None = None
    connections: int = 16
    retries: int = 5
    timeout: int = 120
    prices: Path | None = None
    ask_seed: int | None = None

    @property
    def sampling(self) -> Sampling:
        """How models draw their answers."""
        return Sampling(
            temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens, seed=self.ask_seed
        )

    @property
    def models(self) -> list[ModelSpec]:
        """The models to ask."""
        return [model_spec(given) for given in self.model]

    @property
    def judges(self) -> ModelSpec | None:
        """The model that judges."""
        return None if self.judge is None else model_spec(self.judge)


@dataclass(frozen=True, slots=True)
class Plan:
    """Questions that will be put before a model.

    Attributes:
        what: they are for, in words.
        model: asked.
        questions: to ask.
        samples: draws of each.
        sampling: how they are drawn.
        expected: tokens of an answer, likely.
    """

    what: str
    model: ModelSpec
    questions: Sequence[Question]
    samples: int
    sampling: Sampling
    expected: int = EXPECTED


def split(given: Mapping[str, Any]) -> tuple[Live, dict[str, Any]]:
    """The options of asking, and the command's own."""
    names = {one.name for one in fields(Live)}
    live = {name: value for name, value in given.items() if name in names}
    return Live(**live), {name: value for name, value in given.items() if name not in names}


def plan_document(live: Live, plans: Sequence[Plan]) -> dict[str, Any]:
    """What asking will cost, before anything is asked.

    Args:
        live: the options.
        plans: what will be asked.
    """
    rates = _rates(live, [plan.model for plan in plans])
    rows, total = [], Cost(0, 0, 0.0, 0.0)
    for plan in plans:
        cost = estimated(
            plan.questions,
            rates[plan.model.given],
            samples=plan.samples,
            expected=plan.expected,
            max_tokens=plan.sampling.max_tokens,
        )
        total += cost
        rows.append({"what": plan.what, "model": plan.model.given, **_cost(cost)})
    table = load_prices(live.prices)
    return {
        "schema": "aligntax.asking_plan/1",
        "asks": rows,
        "total": _cost(total),
        "max_cost": live.max_cost,
        "prices": table.source,
    }


@contextlib.contextmanager
def opened_run(command: str, live: Live, plans: Sequence[Plan], advance: Advance) -> Iterator[Any]:
    """A run in its directory, taken up where it was stopped: the same command finds its answers there.

    Args:
        command: name of the command.
        live: the options.
        plans: what will be asked, as far as it is known; every model must be among them.
        advance: told of every reply; if it has a method `say`, that is told what has been spent.

    Yields:
        An `aligntax.evals.run.Run`.
    """
    with needs("models"):
        from aligntax.evals.run import Connection, Run
        from aligntax.models.endpoint.asking import Asker, spent_before
    say = getattr(advance, "say", None)
    rates = _rates(live, [plan.model for plan in plans])
    directory = run_directory(command, _digest(plans), live.out)
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(contextlib.closing(Journal(directory.path / "answers.jsonl")))
        shared = stack.enter_context(contextlib.closing(Journal(live.cache))) if live.cache else None
        budget = Budget(rates, live.max_cost, spent_before(journal))

        def told(reply: Reply) -> None:
            if say is not None:
                say(spending(budget))
            advance(1)

        asker = Asker(journal, budget, shared, _refused(shared), told)
        connection = Connection(
            max_connections=live.connections, max_retries=live.retries, timeout=live.timeout
        )
        yield Run(asker, live.sampling, connection, directory.path / "logs", seed=live.ask_seed or 0)
        directory.note(finished=not asker.missing)


def spending(budget: Budget) -> str:
    """What the run has cost so far, in a few words."""
    spent = f"${budget.before + budget.spent:.2f}"
    return spent if budget.most is None else f"{spent} of ${budget.most:.2f}"


def asked_document(run: Any, replies: Sequence[Reply]) -> dict[str, Any]:  # noqa: ANN401 - a Run
    """What was asked, what came back, and what it took.

    Args:
        run: that asked.
        replies: of every model.
    """
    counts = {
        "requests": len(replies),
        "answered": sum(reply.answered for reply in replies),
        "known": sum(reply.known for reply in replies),
        "failed": sum(reply.stop == "error" for reply in replies),
        "not_asked": sum(reply.stop == "not_asked" for reply in replies),
    }
    failures = sorted({reply.error for reply in replies if reply.error})
    budget = run.asker.budget
    return {
        **counts,
        "partial": counts["answered"] < counts["requests"],
        "failures": failures,
        "stopped": run.asker.stopped or ("the cost limit was reached" if budget.reached else ""),
        "spent": round(budget.spent, 6),
        "spent_before": round(budget.before, 6),
        "tokens_in": budget.usage.tokens_in,
        "tokens_out": budget.usage.tokens_out,
        "answers": str(run.asker.journal.path),
        "logs": str(run.logs),
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "requests": cost.requests,
        "tokens_in": cost.tokens_in,
        "likely": round(cost.likely, 4),
        "most": round(cost.most, 4),
    }


def _rates(live: Live, models: Sequence[ModelSpec]) -> dict[str, Rate]:
    """Price of every model; those on this machine cost nothing."""
    table, found = load_prices(live.prices), {}
    for model in models:
        if model.name.startswith(("hf/", "aligntax/", "mockllm/", "ollama/")):
            found[model.given] = Rate(0.0, 0.0)
            continue
        price = table.price(model.name.partition("/")[2].removeprefix(f"{COMPATIBLE}/"))
        found[model.given] = Rate(price.input, price.output)
    return found


def _digest(plans: Sequence[Plan]) -> str:
    """Name of what is asked: who, what, how often and how."""
    return digest_of(
        [
            [one.what, one.model.given, one.model.revision, one.samples, asdict(one.sampling)]
            + [[question.id, question.system, question.prompt] for question in one.questions]
            for one in plans
        ]
    )


def _refused(shared: Journal | None) -> frozenset[str]:
    """Answers of other runs that are refusals, which are asked for again."""
    if shared is None or not len(shared):
        return frozenset()
    with needs("models"):
        from aligntax.models.endpoint.asking import kept_replies
    from aligntax.detectors import DEFAULT, detector
    from aligntax.records.asked import exchanges

    replies = kept_replies(shared)
    questions = {reply.question: Question(id=reply.question, prompt="") for reply in replies}
    outcomes = detector(DEFAULT)(exchanges(questions, replies)).column("outcome").to_pylist()
    told = zip(replies, outcomes, strict=True)
    return frozenset(reply.question for reply, outcome in told if outcome != "complete")
