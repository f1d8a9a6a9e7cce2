"""The curve of a method in memory, against models that were written and loaded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.mitigations.merging import method
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.in_memory import InMemory
from aligntax.mitigations.merging.linear import Linear
from aligntax.mitigations.merging.lines import Lines
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.proxy import Sample, Scored, losses
from aligntax.mitigations.merging.run import Merge, Output, planned
from aligntax.mitigations.merging.sweep import (
    ALIGNED,
    PRE,
    Texts,
    at_pre_weight,
    change,
    fitting,
    level_of,
    plainest,
    sweep,
)
from aligntax.models.causal import load_causal
from tiny_models import make_llama
from tiny_world import HARMFUL, TOPICS, ask, tiny_world

WORDS = [Sample("", " ".join(f"w{(7 * at + step) % 61}" for step in range(9))) for at in range(12)]
ANSWERS = [Sample(*ask(topic, topic in HARMFUL)) for topic in TOPICS]
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=6).map(tuple)


@contextmanager
def opened(pre: Path, aligned: Sequence[Path], how: Method | None = None) -> Iterator[Merge]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with planned(str(pre), [str(path) for path in aligned], how or ALIGNED, Output()) as merge:
            yield merge
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    path = tmp_path_factory.mktemp("models")
    first, second, third = (make_llama(path / f"m{seed}", seed=seed) for seed in range(3))
    return first, second, third


def test_the_ends_are_the_models_themselves_to_the_last_bit(models: tuple[Path, Path, Path]) -> None:
    pre, aligned, _ = models
    with opened(pre, [aligned]) as merge:
        texts = {"text": Texts(WORDS, np.arange(len(WORDS)))}
        found = sweep(InMemory(merge), [Linear(0.5), ALIGNED, PRE, ALIGNED], texts)
        for path, scored in ((aligned, found[1]), (pre, found[2]), (aligned, found[3])):
            own = losses(load_causal(str(path)), WORDS)
            assert np.array_equal(scored["text"].nats, own.nats)
    assert not np.array_equal(found[0]["text"].nats, found[1]["text"].nats)


@pytest.mark.parametrize("name", ["linear", "lines", "adaptive", "slerp", "ties", "dare", "ema"])
def test_the_curve_is_that_of_models_written_and_loaded(
    name: str, models: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    pre, *others = models
    aligned = others if name == "slerp" else others[:1]
    settings = {"shares": (0.4, 0.1)} if name == "adaptive" else {}
    how = method(name, len(aligned), **settings)
    with opened(pre, aligned, how) as merge:
        points = [at_pre_weight(how, weight) for weight in (0.1, 0.6)]
        found = sweep(InMemory(merge), points, {"text": Texts(WORDS, np.arange(len(WORDS)))})
        for at, point in enumerate(points):
            written = Merge(merge.pre, merge.aligned, point, merge.output, merge.parts, merge.shards, ())
            written.carry_out(tmp_path / f"merged{at}")
            own = losses(load_causal(str(tmp_path / f"merged{at}")), WORDS)
            assert np.array_equal(found[at]["text"].nats, own.nats)
    assert not np.array_equal(found[0]["text"].nats, found[1]["text"].nats)


def test_on_the_tiny_world_capability_rises_and_reward_falls() -> None:
    """Every step towards the pre-alignment model wins capability and loses reward; both ends are clear."""
    pre, aligned = tiny_world()
    facts = [Sample("", text) for text in _facts()]
    with opened(pre, [aligned]) as merge:
        model = InMemory(merge)
        texts = {"proxy": fitting(model.causal, ANSWERS), "text": fitting(model.causal, facts)}
        curve = sweep(model, [Linear(weight) for weight in (0.0, 0.25, 0.5, 0.75, 1.0)], texts)
    means = {name: [scored[name].mean for scored in curve] for name in texts}
    assert all(after < before for before, after in zip(means["text"], means["text"][1:], strict=False))
    assert all(after > before for before, after in zip(means["proxy"], means["proxy"][1:], strict=False))
    lost = change(texts["proxy"], curve[0]["proxy"], curve[-1]["proxy"])
    won = change(texts["text"], curve[0]["text"], curve[-1]["text"])
    assert lost.low > 0 > won.high
    assert lost.value == pytest.approx(means["proxy"][-1] - means["proxy"][0])


def _facts() -> list[str]:
    """The chains of the tiny world, as its docstring tells them."""
    found = []
    for word in range(20):
        chain = [word]
        for step in range(4):
            chain.append((7 * chain[-1] + 3 * step + 5) % 20)
        found.append(f"<s> w20 {' '.join(f'w{at}' for at in chain)} </s>")
    return found


def test_levels_and_changes_are_over_tokens_with_prompts_as_clusters() -> None:
    """Two answers to one prompt and one to each of two others: 10 tokens, three clusters."""
    tokens = np.array([4, 2, 3, 1])
    texts = Texts(WORDS[:4], np.array([0, 0, 1, 2]))
    before, after = Scored(np.array([4.0, 2, 6, 1]), tokens), Scored(np.array([8.0, 3, 6, 2]), tokens)
    level = level_of(texts, before)
    assert (level.value, level.n, level.clusters) == (1.3, 10, 3)
    moved = change(texts, before, after)
    assert (moved.value, moved.n, moved.clusters) == (pytest.approx(0.6), 10, 3)
    assert moved.unit == "nats"
    assert moved.low < 0.6 < moved.high


@given(shares=SHARES, weight=st.floats(0, 1))
def test_adaptive_shares_are_scaled_to_any_mean(shares: tuple[float, ...], weight: float) -> None:
    found = at_pre_weight(Adaptive(shares), weight)
    assert isinstance(found, Adaptive)
    assert found.pre_weight == pytest.approx(weight, abs=1e-9)
    order = np.argsort(shares, kind="stable")
    assert (np.diff(np.array(found.shares)[order]) >= -1e-9).all()


def test_adaptive_on_its_own_mean_and_at_both_ends() -> None:
    how = Adaptive((0.3, 0.2, 0.1))
    assert at_pre_weight(how, 0.2) == how
    assert at_pre_weight(how, 0.1) == Adaptive((0.15, 0.1, 0.05))
    assert at_pre_weight(how, 0.6) == Adaptive((0.65, 0.6, 0.55))
    assert at_pre_weight(how, 0) == Adaptive((0.0, 0.0, 0.0))
    assert at_pre_weight(how, 1) == Adaptive((1.0, 1.0, 1.0))


def test_one_model_has_one_description(models: tuple[Path, Path, Path]) -> None:
    with opened(models[0], models[1:2]) as merge:
        assert plainest(Adaptive((0.3, 0.3)), merge.parts) == Linear(0.3)
        assert plainest(Lines(0.0), merge.parts) == ALIGNED
        assert plainest(Lines(1.0), merge.parts) == Lines(1.0)  # its last block is the aligned model's
        assert plainest(method("ties", 1, pre_weight=1.0), merge.parts) == PRE
        assert plainest(method("ties", 1, pre_weight=0.0), merge.parts) != ALIGNED


def test_long_documents_are_cut_and_long_answers_left_out(models: tuple[Path, Path, Path]) -> None:
    causal = load_causal(str(models[0]))  # takes 128 tokens
    document = Sample("", " ".join(f"w{at % 61}" for at in range(300)))
    answer, short = Sample("w1", document.response), Sample("w1", "w2 w3")
    texts = fitting(causal, [document, answer, short, Sample("", "w9"), short])
    assert (texts.left_out, texts.cut) == (2, 1)
    *pieces, one, other = texts.samples
    assert " ".join(piece.response for piece in pieces) == document.response
    assert one == other == short
    assert texts.clusters.tolist() == [0] * len(pieces) + [1, 1]
    assert (losses(causal, texts.samples).tokens > 0).all()
    with pytest.raises(UsageError, match="none of 1 texts has a token to score"):
        fitting(causal, [Sample("", "w9")])
