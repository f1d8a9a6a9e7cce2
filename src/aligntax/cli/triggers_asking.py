"""The requests of `aligntax triggers`: variants of refused prompts, put before a model through a run."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aligntax.cli.live import Live, Plan, asked_document, opened_run
from aligntax.cli.output import Advance
from aligntax.errors import needs
from aligntax.records.asked import Question, Reply
from aligntax.tax.triggers.causal import Causal, CausalSettings, Request, causal_triggers
from aligntax.tax.triggers.reading import Refusal
from aligntax.tax.triggers.search import Draw

__all__ = ["ask_for_causes", "plans"]


def plans(live: Live, refusals: Sequence[Refusal], calls: int) -> list[Plan]:
    """What may be asked, at most: no variant is longer than its prompt.

    Args:
        live: options of asking.
        refusals: refused prompts.
        calls: requests, at most.
    """
    asked = [
        Question(id=str(at), prompt=one.prompt, system=one.system)
        for at, one in zip(range(calls), itertools.cycle(refusals), strict=False)
    ]
    what = f"variants of {len(refusals):,} refused prompts, at most"
    return [Plan(what, live.models[0], asked, 1, live.sampling)]


def ask_for_causes(
    live: Live,
    refusals: Sequence[Refusal],
    settings: CausalSettings,
    suspects: Sequence[str],
    detector: str,
    advance: Advance,
    *,
    others: Sequence[Refusal] = (),
    hedged: bool = False,
) -> tuple[Causal, dict[str, Any], Path]:
    """Asks, and tells what it showed and what it took.

    Args:
        live: options of asking.
        refusals: refused prompts.
        settings: how much is asked.
        suspects: terms to measure whether a search ends at them or not.
        detector: gives the outcomes.
        advance: told of every new answer.
        others: more refused prompts, to measure terms on.
        hedged: whether a hedged answer counts as a refusal.

    Returns:
        What was found, what asking took, and the directory of the run.
    """
    with opened_run("triggers", live, plans(live, refusals, settings.calls), lambda done: None) as running:
        with needs("models"):
            asker = _Asker(running, live, detector, advance, hedged=hedged)
        found = causal_triggers(refusals, asker, settings, suspects=suspects, others=others)
        return found, asked_document(running, asker.replies), running.logs.parent


class _Asker:
    """Puts requests before the model.

    The draws of a text are numbered through all of a search. A run asks for the draws of a question from the
    first on; those it has had before come out of its journal and cost nothing.
    """

    def __init__(self, running: Any, live: Live, detector: str, advance: Advance, *, hedged: bool) -> None:  # noqa: ANN401 - a Run
        from aligntax.evals.outcome import outcome

        self._run, self._model = running, live.models[0]
        self._scorer = outcome(detector)
        self._advance, self._hedged = advance, hedged
        self.replies: list[Reply] = []

    def __call__(self, requests: Sequence[Request]) -> list[Draw]:
        """What became of each request."""
        texts: dict[tuple[str | None, str], list[Request]] = {}
        for one in requests:
            texts.setdefault((one.system, one.text), []).append(one)
        found = dict[tuple[str | None, str, int], Draw]()
        drawn: dict[int, list[list[Request]]] = {}
        for several in texts.values():
            drawn.setdefault(max(one.draw for one in several), []).append(several)
        for last, group in sorted(drawn.items()):
            found |= self._asked(group, last)
        self._advance(len(requests))
        return [found[one.system, one.text, one.draw] for one in requests]

    def _asked(
        self, group: Sequence[Sequence[Request]], last: int
    ) -> dict[tuple[str | None, str, int], Draw]:
        questions = [
            Question(id=f"v{at}", prompt=one.text, system=one.system, cluster=one.cluster)
            for at, (one, *_) in enumerate(group)
        ]
        (answered,) = self._run.ask("triggers", questions, [self._model], samples=last, scorer=[self._scorer])
        replies = {(reply.question, reply.sample): reply for reply in answered.replies}
        draws = dict[tuple[str | None, str, int], Draw]()
        for at, several in enumerate(group):
            for one in several:
                reply = replies[f"v{at}", one.draw]
                self.replies.append(reply)
                outcome = answered.found.get((f"v{at}", one.draw), {}).get("outcome")
                draws[one.system, one.text, one.draw] = self._draw(reply, outcome)
        return draws

    def _draw(self, reply: Reply, outcome: Mapping[str, Any] | None) -> Draw:
        """What became of a request; another model's answer is never taken for the asked one's."""
        if not reply.answered or outcome is None:
            return "missing"
        name = outcome["outcome"]
        if outcome["layer"] == "fallback" or outcome["reason"] == "cannot" or name == "undetermined":
            return "unknown"
        return "refused" if name == "refused" or (name == "hedged" and self._hedged) else "answered"
