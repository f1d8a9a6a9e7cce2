"""Causal triggers: the planted word is found within the calls, a saturated prompt is called saturated."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from aligntax.tax.triggers.causal import CausalSettings, Request, causal_triggers
from aligntax.tax.triggers.reading import Refusal
from aligntax.tax.triggers.search import Draw, Rule, searched
from aligntax.tax.triggers.variants import Pieces
from planted import Behaviour, World, told

FILLER = """please look at the report and tell our team what happened with every order that came late
last week before we close the month in spring""".split()  # noqa: SIM905 - a sentence
SURE = Rule(lead=1, most=1)


def solved(text: str, refuses: Callable[[str], bool], rule: Rule = SURE) -> tuple:
    """A search against a model that always does the same; the search and the texts asked."""
    steps, asked = searched(Pieces(text), rule), list[str]()
    wanted = next(steps)
    while True:
        asked += wanted
        try:
            wanted = steps.send(["refused" if refuses(one) else "answered" for one in wanted])
        except StopIteration as end:
            return end.value, asked


def refusals(generator: np.random.Generator, n: int, word: str = "kill", length: int = 14) -> list[Refusal]:
    found = []
    for at in range(n):
        words = [str(one) for one in generator.choice(FILLER, length)]
        words.insert(int(generator.integers(0, length)), word)
        found.append(Refusal(at, f"p{at}", " ".join(words)))
    return found


def asker(world: World, drawn: Counter | None = None) -> Callable[[Sequence[Request]], list[Draw]]:
    """A world as what is asked; every draw of a text must be a new one."""

    def ask(requests: Sequence[Request]) -> list[Draw]:
        draws = list[Draw]()
        for one in requests:
            if drawn is not None:
                drawn[one.text, one.draw] += 1
            answer = world.answer("m", one.text, one.draw)
            outcome = told(answer.text, declined=answer.declined)
            names = {"refused": "refused", "complete": "answered", "hedged": "answered"}
            draws.append(names.get(outcome, "unknown"))
        return draws

    return ask


def world(seed: int, refusal: float = -3.0, **words: float) -> World:
    return World(
        seed=seed, identity=lambda text: ("x", ""), models={"m": Behaviour(refusal=refusal, words=words)}
    )


def test_pieces() -> None:
    pieces = Pieces("How do I Kill  the\nprocess, then kill it?")
    assert pieces.without("kill") == "How do I the\nprocess, then it?"
    assert pieces.without("kill the process") == "How do I then kill it?"
    assert pieces.without("skill") is None
    assert Pieces("kill").without("kill") is None
    assert pieces.kept([0, 2, 3]) == "How I Kill"
    assert pieces.terms([3, 5, 7, 8]) == ("kill", "process", "kill it")
    control = Pieces("please kill the running process on our server").control("kill", ["kill", "process"])
    assert control in ("please kill the process on our server", "please kill the running process on our")
    assert Pieces("kill it").control("kill", []) is None


def test_one_word_is_found() -> None:
    text = " ".join([*FILLER, "kill", *FILLER])
    found, asked = solved(text, lambda one: "kill" in one.split())
    assert found.verdict == "found"
    assert found.terms == ("kill",)
    assert found.left == "kill"
    assert found.calls == len(asked) <= 20


def test_words_that_act_together() -> None:
    """Two words far apart, neither of which is refused on its own."""
    text = "kill " + " ".join(FILLER[:12]) + " children now"
    found, _ = solved(text, lambda one: {"kill", "children"} <= set(one.split()))
    assert found.verdict == "found"
    assert set(found.terms) == {"kill", "children"}


def test_several_triggers() -> None:
    text = "kill " + " ".join(FILLER[:14]) + " poison"
    found, _ = solved(text, lambda one: bool({"kill", "poison"} & set(one.split())))
    assert found.verdict == "several"
    assert found.terms == ("kill", "poison")


def test_verdicts() -> None:
    text = " ".join(FILLER)
    assert solved(text, lambda one: True)[0].verdict == "saturated"
    assert solved(text, lambda one: False)[0].verdict == "not refused again"
    alone = solved("kill", lambda one: True)[0]
    assert (alone.verdict, alone.terms) == ("found", ("kill",))
    assert solved("\N{BOMB} ...", lambda one: "\N{BOMB}" in one)[0].terms == ("\N{BOMB}",)


def test_a_search_that_is_cut_off_says_so() -> None:
    steps = searched(Pieces(" ".join(FILLER)), SURE)
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(["missing"])
    assert end.value.value.verdict == "not finished"


def test_unknown_answers_are_no_compliance() -> None:
    """Where another model answers for the one asked, nothing is found and nothing is called answered."""
    found = causal_triggers(
        refusals(np.random.default_rng(0), 6), lambda requests: ["unknown"] * len(requests), suspects=["kill"]
    )
    assert set(found.verdicts) == {"not refused again"}
    (effect,) = found.effects
    assert not effect.effect.known
    assert effect.prompts == 0
    assert found.unknown == found.calls


def test_failed_requests_widen() -> None:
    """Every fourth prompt fails: the interval allows for anything there."""
    some = refusals(np.random.default_rng(0), 24)
    full = causal_triggers(some, asker(world(1, kill=6.0)), CausalSettings(calls=2000), suspects=["kill"])
    inner = asker(world(1, kill=6.0))

    def failing(requests: Sequence[Request]) -> list[Draw]:
        draws = inner(requests)
        return [
            "missing" if int(one.prompt[1:]) % 4 == 0 else draw
            for one, draw in zip(requests, draws, strict=True)
        ]

    part = causal_triggers(some, failing, CausalSettings(calls=2000), suspects=["kill"])
    first, second = (next(one for one in found.effects if one.term == "kill") for found in (full, part))
    assert second.failed == 6
    assert second.effect.low < first.effect.low - 0.2
    assert part.missing > 0
    assert part.verdicts["not finished"] == 6


def test_calls_are_a_limit() -> None:
    """No request beyond it, no draw twice, and what was not searched is told."""
    drawn: Counter = Counter()
    found = causal_triggers(
        refusals(np.random.default_rng(0), 40), asker(world(0, kill=5.0), drawn), CausalSettings(calls=150)
    )
    assert found.calls == sum(drawn.values()) <= 150
    assert set(drawn.values()) == {1}
    assert found.not_searched > 0
    assert found.not_searched + len(found.searches) == 40


def test_no_refusals_and_no_terms() -> None:
    found = causal_triggers([], asker(world(0)))
    assert (found.calls, list(found.effects), dict(found.searches)) == (0, [], {})


def test_planted_worlds() -> None:
    """Over 200 worlds: the word is named and its effect covered, no other is, all within the calls."""
    named = covered = false = 0
    for seed in range(200):
        here = world(seed, kill=5.0)
        found = causal_triggers(
            refusals(np.random.default_rng(seed), 8), asker(here), CausalSettings(calls=800)
        )
        assert found.calls <= 800
        searches = list(found.searches.values())
        named += sum("kill" in one.terms for one in searches) / len(searches)
        truth = here.refusal("m", "kill it") - here.refusal("m", "it")
        effect = next(one for one in found.effects if one.term == "kill")
        covered += effect.effect.low <= truth <= effect.effect.high
        false += any(one.q <= 0.05 and "kill" not in one.term.split() for one in found.effects)
    assert named / 200 >= 0.9
    assert covered / 200 >= 0.93
    assert false / 200 <= 0.05


def test_worlds_without_effect() -> None:
    """Refused by chance whatever the words: no term is a cause more often than the rate says."""
    false, verdicts = 0, Counter[str]()
    for seed in range(200):
        found = causal_triggers(
            refusals(np.random.default_rng(seed), 8),
            asker(world(seed, refusal=-1.0)),
            CausalSettings(calls=600),
            suspects=["kill"],
        )
        false += any(one.q <= 0.05 for one in found.effects)
        verdicts.update(found.verdicts)
    assert false / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5
    assert verdicts.most_common(1)[0][0] == "not refused again"


def test_saturated_worlds() -> None:
    verdicts = Counter[str]()
    for seed in range(50):
        found = causal_triggers(
            refusals(np.random.default_rng(seed), 6),
            asker(world(seed, refusal=3.5)),
            CausalSettings(calls=400),
        )
        verdicts.update(found.verdicts)
    assert verdicts["saturated"] >= 0.95 * sum(verdicts.values())
