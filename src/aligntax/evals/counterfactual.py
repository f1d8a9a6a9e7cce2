"""Requests in alarming and in neutral words, asked of a model; the safety twin beside them."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import ChatMessage, ModelOutput, get_model
from inspect_ai.scorer import Metric, SampleScore, metric
from inspect_ai.solver import Generate, Solver, TaskState, solver

from aligntax.detectors import DEFAULT
from aligntax.evals.ask import ask
from aligntax.evals.going import current
from aligntax.evals.outcome import outcome
from aligntax.evals.run import Answered, Run, samples_of
from aligntax.models.endpoint.spec import ModelSpec
from aligntax.probes.packs import load_pack
from aligntax.records.asked import Question, Reply
from aligntax.tax.counterfactual.effects import Draws
from aligntax.tax.counterfactual.requests import pack_requests
from aligntax.tax.counterfactual.variants import ORIGINAL, Case, make_cases, questions

__all__ = ["ask_variant", "asked", "counterfactual", "draws_of", "in_order", "refused_in"]


@task
def counterfactual(pack: str = "medical", detector: str = DEFAULT, harmful: bool = False) -> Task:
    """Asks a pack's requests in alarming and in neutral words, and with another word changed.

    Effects, their intervals and the safety twin in one report: `aligntax counterfactual --pack NAME`.

    Args:
        pack: medical, legal, security or finance.
        detector: that tells outcomes; see `aligntax detectors list`.
        harmful: whether to ask the harmful requests instead, in their own and in neutral words.
    """
    benign, twin, lexicon = pack_requests(load_pack(pack))
    cases = make_cases((twin if harmful else benign).found, lexicon, harmful=harmful).found
    return Task(
        dataset=MemoryDataset(samples_of(in_order(cases, 0)), name=f"counterfactual_{pack}"),
        solver=ask(),
        scorer=outcome(detector),
        epochs=Epochs(1, "mode"),  # an outcome is a word, of which there is no mean
        metrics=[refused_in(variant) for variant in ("trigger", "original", "control", "neutral")],
        metadata={"pack": pack, "harmful": harmful},
    )


@metric
def refused_in(variant: str) -> Metric:
    """Share refused among the answers to one variant.

    Args:
        variant: trigger, original, control or neutral.
    """

    def of(scores: list[SampleScore]) -> float:
        mine = [one for one in scores if (one.sample_metadata or {}).get("variant") == variant]
        told = [one.score.value for one in mine if one.score.value in ("complete", "hedged", "refused")]
        return told.count("refused") / len(told) if told else float("nan")

    return of


@solver
def ask_variant(model: int, samples: int) -> Solver:
    """As `ask`, but the second draw of the original has numbers of its own.

    The original is asked in the words of one side of the comparison. With the numbers of that side's draws it
    would be given the very same answers.

    Args:
        model: number of the model in the run.
        samples: draws of each question.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        run = current()
        if run is None:
            return await generate(state)
        live, messages = get_model(), list[ChatMessage](state.messages)

        async def send() -> ModelOutput:
            return await live.generate(messages)

        spec, sampling = run.models[model]
        question = str(state.sample_id)
        drawn = state.epoch + samples * (state.metadata["variant"] == ORIGINAL)
        reply, output = await run.asker.ask(question, drawn, spec, sampling, messages, send)
        run.replies[model, question, state.epoch] = replace(reply, sample=state.epoch)
        state.metadata["model"] = model
        state.output = output or ModelOutput(model=spec.name, error=reply.error or reply.stop)
        if output is not None and not output.empty:
            state.messages.append(output.message)
        state.completed = output is None
        return state

    return solve


def in_order(cases: Iterable[Case], seed: int) -> list[Question]:
    """All wordings of all cases, the cases in random order, so that a run cut short has a random part.

    Args:
        cases: benign and harmful.
        seed: of the order.
    """
    order = list(cases)
    random.Random(seed).shuffle(order)
    return [question for case in order for question in questions(case)]


def asked(
    run: Run, wordings: Sequence[Question], model: ModelSpec, *, samples: int, detector: str
) -> Answered:
    """Puts all wordings before one model.

    Args:
        run: that asks.
        wordings: of `in_order`.
        model: that is asked.
        samples: draws of each wording; the original's is drawn as often again.
        detector: that tells outcomes.
    """
    solve = ask_variant(model=len(run.models), samples=samples)
    scored = [outcome(detector)]
    return run.ask("counterfactual", wordings, [model], samples=samples, solver=solve, scorer=scored)[0]


def draws_of(replies: Iterable[Reply], found: Mapping[tuple[str, int], Mapping[str, Any]]) -> Draws:
    """What became of every draw, by question.

    Args:
        replies: of one model, in the order of their draws.
        found: what the outcome scorer found; without an entry nobody knows the outcome.
    """
    draws: dict[str, list[str]] = {}
    for reply in replies:
        row = found.get((reply.question, reply.sample), {}).get("outcome")
        draws.setdefault(reply.question, []).append(_became(reply, row))
    return draws


def _became(reply: Reply, row: Mapping[str, Any] | None) -> str:
    if reply.stop == "not_asked":
        return "not_asked"
    if not reply.answered:
        return "failed"
    if row is None:
        return "undetermined"
    if row["outcome"] == "refused" and row["reason"] == "cannot":
        return "cannot"
    if row["layer"] == "fallback" and row["outcome"] in ("complete", "hedged"):
        return "fallback"
    return "empty" if row["reason"] == "empty" else str(row["outcome"])
