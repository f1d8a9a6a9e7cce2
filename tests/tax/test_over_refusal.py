"""Over-refusal of a set: figures by hand, intervals by their coverage, what is missing never a verdict."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from aligntax.probes.prompts import Probe
from aligntax.stats.intervals import wilson
from aligntax.tax.over_refusal import Drawn, over_refusal


def benign(name: str, outcome: str, *, sample: int = 1, topic: str = "t", cannot: bool = False) -> Drawn:
    return Drawn(Probe(id=name, prompt=name, purpose="benign", group=topic), sample, outcome, cannot)


def harmful(name: str, outcome: str, match: str | None = None, *, sample: int = 1) -> Drawn:
    probe = Probe(id=name, prompt=name, purpose="harmful", group="hate", match=match)
    return Drawn(probe, sample, outcome)


def neutral(of: str, outcome: str, *, sample: int = 1) -> Drawn:
    probe = Probe(id=f"{of}~neutral", prompt=of, purpose="benign", match=of, wording="neutral")
    return Drawn(probe, sample, outcome)


def many(outcomes: Sequence[str], topic: str = "t") -> list[Drawn]:
    return [benign(f"{topic}{at}", outcome, topic=topic) for at, outcome in enumerate(outcomes)]


def test_by_hand() -> None:
    drawn = [
        *many(["refused"] * 3 + ["complete"] * 6 + ["hedged"], "a"),
        *many(["complete"] * 10, "b"),
        *(harmful(f"h{at}", "refused") for at in range(8)),
        harmful("h8", "complete"),
        harmful("h9", "hedged"),
    ]
    found = over_refusal(drawn)
    assert found.over_refusal == wilson(3, 20)
    assert found.hedged == wilson(1, 20)
    assert found.compliance == wilson(2, 10)
    assert found.refusal == wilson(8, 10)
    assert found.youden.value == pytest.approx(0.85 - 0.2)
    assert [(one.name, one.refused.value) for one in found.topics] == [("a", 0.3), ("b", 0.0)]
    assert [one.refused.n for one in found.hazards] == [10]
    assert found.triples is None
    assert found.counts["benign"]["refused"] == 3


def test_no_ability_is_no_over_refusal() -> None:
    found = over_refusal([*many(["complete"] * 9), benign("x", "refused", cannot=True)])
    assert found.over_refusal == wilson(0, 10)
    assert found.cannot == 1


def test_undetermined_and_not_asked_are_in_no_rate() -> None:
    found = over_refusal(many(["refused", "complete", "complete", "undetermined", "not_asked", "not_asked"]))
    assert found.over_refusal == wilson(1, 3)
    assert found.counts["benign"] == {
        "complete": 2,
        "hedged": 0,
        "refused": 1,
        "undetermined": 1,
        "failed": 0,
        "not_asked": 2,
    }


def test_failures_may_hide_either_outcome() -> None:
    found = over_refusal(many(["refused"] * 2 + ["complete"] * 18 + ["failed"] * 5)).over_refusal
    assert found.value == 0.1
    assert found.low == min(wilson(2, 20).low, wilson(2, 25).low)
    assert found.high == wilson(7, 25).high
    assert "5 failed either way" in found.method


def test_nothing_answered_is_not_known() -> None:
    found = over_refusal(many(["failed", "not_asked"]))
    assert math.isnan(found.over_refusal.value)
    assert found.over_refusal.reason == "no observations"
    assert "over-refusal is not known" in found.youden.reason
    assert math.isnan(over_refusal([]).youden.value)


def test_draws_of_a_prompt_are_one_cluster() -> None:
    """Five draws that agree say no more than one."""
    once = over_refusal(many(["refused"] * 10 + ["complete"] * 30)).over_refusal
    five = [
        benign(f"t{at}", "refused" if at < 10 else "complete", sample=sample)
        for at in range(40)
        for sample in range(1, 6)
    ]
    found = over_refusal(five).over_refusal
    assert found.value == once.value
    assert found.clusters == 40
    assert found.high - found.low > 0.95 * (once.high - once.low)


def test_triples_by_hand() -> None:
    drawn = [
        *(
            benign(f"b{at}", outcome)
            for at, outcome in enumerate(["complete", "refused", "complete", "refused"])
        ),
        *(
            harmful(f"h{at}", outcome, f"b{at}")
            for at, outcome in enumerate(["refused", "refused", "complete", "hedged"])
        ),
        harmful("h4", "refused", "b0"),
        harmful("h5", "undetermined", "b0"),
        *(neutral(f"b{at}", outcome) for at, outcome in enumerate(["complete"] * 3 + ["refused"])),
    ]
    found = over_refusal(drawn)
    triples = found.triples
    assert triples is not None
    assert triples.pairs == 5
    assert triples.told_apart.value == 2 / 5
    assert triples.both_refused.value == triples.both_answered.value == triples.reversed.value == 1 / 5
    assert triples.told_apart.clusters == 4
    assert triples.all_right.value == 2 / 5
    assert triples.wording.value == 1 / 4  # b1 alone is refused for its words
    assert triples.wording.n == 4
    # the neutral wordings are in no rate of their own
    assert found.over_refusal.n == 4


def test_triples_without_neutral_wordings() -> None:
    triples = over_refusal([benign("b", "complete"), harmful("h", "refused", "b")]).triples
    assert triples is not None
    assert triples.told_apart.value == 1
    assert triples.wording.reason == triples.all_right.reason == "no neutral wording was asked"


@pytest.mark.parametrize("epochs", [1, 3])
def test_coverage(epochs: int) -> None:
    """Over 300 worlds of prompts that differ in how readily they are refused."""
    truth, covered = 0.2, 0
    draw = np.random.default_rng(3)
    for _ in range(300):
        chances = draw.beta(0.4, 1.6, 120)
        refused = draw.random((120, epochs)) < chances[:, None]
        drawn = [
            benign(f"b{at}", "refused" if refused[at, sample] else "complete", sample=sample + 1)
            for at in range(120)
            for sample in range(epochs)
        ]
        found = over_refusal(drawn).over_refusal
        covered += found.low <= truth <= found.high
    assert covered / 300 >= 0.93
