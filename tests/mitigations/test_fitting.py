"""Fitting the shares of `adaptive`, on a model trained to refuse."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from aligntax.errors import UnreadableInput, UsageError
from aligntax.mitigations.merging import fitting, method
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.fitting import fit_shares, projected
from aligntax.mitigations.merging.in_memory import InMemory
from aligntax.mitigations.merging.method import Place
from aligntax.mitigations.merging.proxy import Sample, losses, read_samples
from aligntax.mitigations.merging.run import Output, planned
from tiny_models import make_llama
from tiny_world import HARMFUL, MANNERS, ask, facts_right, refusal_log_probability, tiny_world

PROXIES = [Sample(*ask(topic, True, manner)) for manner in MANNERS for topic in list(HARMFUL)[:3]]
HELD_OUT = range(HARMFUL[3], HARMFUL[-1] + 1)


@contextmanager
def in_memory(pre: Path, aligned: Path) -> Iterator[InMemory]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with planned(str(pre), [str(aligned)], method("linear", 1), Output()) as merge:
            yield InMemory(merge)
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def reward(model: InMemory) -> float:
    """Log-probability of refusing two harmful topics that no proxy sample is about."""
    return float(refusal_log_probability(model.causal.model, HELD_OUT).mean())


def test_the_merge_gives_capability_back() -> None:
    """The tiny world pays a tax, and interpolation gives some back at some loss of reward."""
    with in_memory(*tiny_world()) as model, torch.no_grad():
        found = {}
        for weight in (0.0, 0.7, 1.0):
            model.mix(method("linear", 1, pre_weight=weight))
            found[weight] = facts_right(model.causal.model), reward(model)
    assert found[0.0][0] < 0.7 < found[0.7][0]
    assert found[1.0][0] > 0.95
    assert found[0.0][1] > found[0.7][1] > found[1.0][1]


@pytest.mark.parametrize("mean", [0.2, 0.4])
def test_adaptive_is_no_worse_than_linear_on_held_out_reward(mean: float) -> None:
    with in_memory(*tiny_world()) as model:
        fit = fit_shares(model, PROXIES, pre_weight=mean)
        rewards = {}
        for shares in (fit.shares, (mean,) * 3):
            model.mix(Adaptive(shares))
            rewards[shares] = reward(model)
    assert sum(fit.shares) / 3 == pytest.approx(mean)
    assert rewards[fit.shares] >= rewards[mean, mean, mean]
    assert fit.shares != (mean,) * 3  # here there is something to find
    assert fit.gain.low > 0


def test_a_fit_costs_at_most_forty_passes_and_each_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []

    def counted(causal: object, samples: list[Sample], **settings: object) -> object:
        texts.append(len(samples))
        return losses(causal, samples, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "losses", counted)
    with in_memory(*tiny_world()) as model:
        fit = fit_shares(model, PROXIES, pre_weight=0.4)
    assert sum(texts) <= 40 * len(PROXIES)
    assert fit.passes <= 40
    assert len(texts) - 1 == fit.passes  # the check of two models on a quarter counts as one


def test_one_merged_copy_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one model is ever loaded, and its tensors stay where they are while shares change."""
    loaded = []
    real: Callable[..., object] = AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda *a, **k: (loaded.append(a), real(*a, **k))[1]
    )
    with in_memory(*tiny_world()) as model:
        before = {name: tensor.data_ptr() for name, tensor in model.causal.model.state_dict().items()}
        fit_shares(model, PROXIES, passes=10)
        assert before == {name: tensor.data_ptr() for name, tensor in model.causal.model.state_dict().items()}
    assert len(loaded) == 1


def test_the_model_in_memory_is_the_model_that_is_written(tmp_path: Path) -> None:
    pre, aligned = tiny_world()
    how = Adaptive((0.4, 0.1, 0.0))
    with in_memory(pre, aligned) as model:
        model.mix(method("linear", 1, pre_weight=0.9))  # mixed once before, to be mixed again
        model.mix(how)
        held = {name: tensor.clone() for name, tensor in model.causal.model.state_dict().items()}
    with planned(str(pre), [str(aligned)], how, Output()) as merge:
        merge.carry_out(tmp_path / "merged")
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").state_dict()
    assert all(torch.equal(held[name], written[name]) for name in written)


def test_slopes_are_those_of_finite_differences() -> None:
    """Slopes by one backward pass, against the loss at shares a little apart."""
    step = 1e-3
    with in_memory(*tiny_world()) as model:
        model.causal.model.double()
        model = _rebuilt(model)
        search = fitting._Search(model, PROXIES[:6], 8, 1000, lambda passes: None)
        _, slope = search.slope((0.3, 0.3, 0.3))
        for group in range(3):
            apart = [0.3, 0.3, 0.3]
            apart[group] += step
            up = _inside(model, search, apart)
            apart[group] -= 2 * step
            down = _inside(model, search, apart)
            assert slope[group] == pytest.approx((up - down) / (2 * step), rel=0.02, abs=1e-3)


def _rebuilt(model: InMemory) -> InMemory:
    """The same over the parameters' new, double storage."""
    held = dict(model.causal.model.state_dict(keep_vars=True))
    model._parameters = {name: held[name] for name in model.parts}
    model._shares = {}
    return model


class _InBlocks(Adaptive):
    """Adaptive, with what belongs to no block held at its share at the start."""

    def pre_share(self, place: Place) -> float:
        return 0.3 if place.block is None else super().pre_share(place)


def _inside(model: InMemory, search: fitting._Search, shares: list[float]) -> float:
    model.mix(_InBlocks(tuple(shares)))
    return losses(model.causal, search._samples).mean


def test_many_stretches_follow_the_gradient() -> None:
    with in_memory(*tiny_world()) as model:
        model.parts = {
            name: dataclasses.replace(part, place=dataclasses.replace(part.place, blocks=4))
            for name, part in model.parts.items()
        }
        search = fitting._Search(model, PROXIES, 8, 39, lambda passes: None)
        start = (0.4,) * 4
        search.by_gradient(start, 0.4)
    best = min(search.tried, key=lambda shares: search.tried[shares])
    assert search.spent <= 39
    assert search.tried[best] < search.tried[start] - 0.01
    assert sum(best) / 4 == pytest.approx(0.4, abs=1e-6)


def test_nothing_to_gain_leaves_the_same_share_everywhere(tmp_path: Path) -> None:
    """A model merged with itself: no shares are better than others, so none are claimed."""
    path = make_llama(tmp_path / "model", seed=3)
    with in_memory(path, path) as model:
        fit = fit_shares(model, PROXIES, passes=12)
    assert fit.shares == (0.2, 0.2, 0.2)


@given(st.lists(st.floats(-2, 3), min_size=1, max_size=8), st.floats(0, 1))
def test_projected_shares_have_the_mean_and_stay_in_range(shares: list[float], mean: float) -> None:
    found = projected(shares, mean)
    assert all(0 <= share <= 1 for share in found)
    assert np.mean(found) == pytest.approx(mean, abs=1e-6)
    order = np.argsort(shares, kind="stable")
    assert (np.diff(np.asarray(found)[order]) >= -1e-12).all()


def test_losses_are_those_of_the_texts_one_by_one() -> None:
    """Padding changes nothing, and only the response is scored."""
    samples = [Sample("w1 w2", "w3 w4 w5"), Sample("w9", "w8"), Sample("", "w1 w2 w3 w4 w5 w6")]
    with in_memory(*tiny_world()) as model, torch.no_grad():
        together = losses(model.causal, samples, batch=3)
        tokenizer, network = model.causal.tokenizer, model.causal.model
        for row, sample in enumerate(samples):
            ids = torch.tensor(tokenizer(f"{sample.prompt} {sample.response}".strip())["input_ids"])
            start = max(1, len(sample.prompt.split()))
            logs = network(ids[None]).logits[0].log_softmax(-1)
            alone = -float(sum(logs[at - 1, ids[at]] for at in range(start, len(ids))))
            assert together.nats[row] == pytest.approx(alone, rel=1e-4)
            assert together.tokens[row] == len(ids) - start


def test_samples_are_read_and_bad_ones_located(tmp_path: Path) -> None:
    path = tmp_path / "proxy.jsonl"
    path.write_text('{"prompt": "a", "response": "b"}\n{"text": "c"}\n', "utf-8")
    assert read_samples(path) == [Sample("a", "b"), Sample("", "c")]
    (tmp_path / "proxy.txt").write_text("one\ntwo\n\nthree\n", "utf-8")
    assert read_samples(tmp_path / "proxy.txt") == [Sample("", "one\ntwo"), Sample("", "three")]
    path.write_text('{"prompt": "a", "response": "b"}\n{"prompt": "x"}\n', "utf-8")
    with pytest.raises(UnreadableInput, match="line 2: no response"):
        read_samples(path)
    path.write_text("\n", "utf-8")
    with pytest.raises(UnreadableInput, match="no text"):
        read_samples(path)


def test_too_few_samples_and_too_many_stretches() -> None:
    with in_memory(*tiny_world()) as model:
        with pytest.raises(UsageError, match="5 prompts are too few"):
            fit_shares(model, PROXIES[:5])
        with pytest.raises(UsageError, match="5 stretches of a model with 4 blocks"):
            fit_shares(model, PROXIES, groups=5)
