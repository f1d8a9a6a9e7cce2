"""Divergence block by block, drawn responses, and kept passes."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, CohereConfig, Gemma2Config, GraniteConfig, LlamaForCausalLM

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.causal import Causal, load_causal
from aligntax.models.divergence import Divergence, divergence
from aligntax.models.halves import Halves, halves
from aligntax.models.kept import Kept
from aligntax.models.passes import Passage, Readings, read_passages
from aligntax.models.sampling import sample_responses, stop_tokens
from aligntax.models.vocabularies import shared_vocabulary
from aligntax.stats.clusters import clustered_mean
from models.enumerable import LONGEST, STOP, exact_kl, log_probabilities, prompts, sentences, split, tiny
from tiny_models import make_llama, make_tokenizer, tiny_config

SMALL = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def _llama(seed: int, dtype: torch.dtype = torch.float32, **changes: object) -> Halves:
    torch.manual_seed(seed)
    model = LlamaForCausalLM(tiny_config(**changes))
    for weights in model.parameters():
        if weights.ndim == 2:
            weights.data.normal_(0, 0.3)
    return split(model.to(dtype))


def _both(reference: Halves, model: Halves, **settings: object) -> tuple[Divergence, Divergence]:
    """What the code makes of random tokens, and what the formulas say, written out in float64."""
    ids = torch.randint(3, 60, (3, 11), generator=torch.Generator().manual_seed(5))
    states = [half.hidden(ids).flatten(0, 1) for half in (reference, model)]
    targets = ids.roll(-1, 1).flatten()
    found = divergence(reference, model, *states, targets, **settings)  # type: ignore[arg-type]
    count = min(reference.vocabulary, model.vocabulary)
    tables = [_logits(half, ids)[..., :count].log_softmax(-1).flatten(0, 1) for half in (reference, model)]
    (p, q), rows = tables, torch.arange(len(targets))
    exact = Divergence(
        forward=(p.exp() * (p - q)).sum(-1),
        reverse=(q.exp() * (q - p)).sum(-1),
        reference_loss=-p[rows, targets],
        model_loss=-q[rows, targets],
    )
    return found, exact


def _logits(half: Halves, ids: torch.Tensor) -> torch.Tensor:
    """In float64 from the hidden states, so that a narrow dtype is rounded no further."""
    if not half.linear:
        return half.causal.model(ids).logits.double()
    hidden = half.causal.model.model(ids).last_hidden_state.double()
    return hidden @ half.head.weight.double().T


def _close(found: Divergence, exact: Divergence, within: float = 1e-5) -> None:
    for name in Divergence.__slots__:
        torch.testing.assert_close(getattr(found, name), getattr(exact, name), atol=within, rtol=within)


@pytest.mark.parametrize("block", [(512, 1024), (4, 7), (1, 64), (33, 1), (5, 63)])
def test_blocks_change_nothing(block: tuple[int, int]) -> None:
    """Blocks of any size, last ones cut, give the divergence of the whole table of logits."""
    found, exact = _both(_llama(0), _llama(1), block=block)
    _close(found, exact)
    assert float(exact.forward.min()) > 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_sums_are_wide_in_every_dtype(dtype: torch.dtype) -> None:
    """Logits are products of the stored numbers in float32 at least, not rounded to the models' dtype."""
    _close(*_both(_llama(0, dtype), _llama(1, dtype), block=(4, 7)))


def test_logits_far_from_zero() -> None:
    """The running maximum keeps sums in range where exp of a logit is not."""
    reference, model = _llama(0), _llama(1)
    for half in (reference, model):
        half.head.weight.data.mul_(60)
    found, exact = _both(reference, model, block=(4, 7))
    assert float(_logits(reference, torch.arange(3, 60)[None]).abs().max()) > 200
    _close(found, exact, within=1e-4)


def test_a_model_does_not_differ_from_itself() -> None:
    """Not a little: exactly 0, in every block."""
    model = _llama(0)
    found, _ = _both(model, model, block=(4, 7))
    assert float(found.forward.abs().max()) == float(found.reverse.abs().max()) == 0.0


@pytest.mark.parametrize(
    ("settings", "linear"),
    [
        (Gemma2Config(**SMALL, final_logit_softcapping=3.0), False),
        (Gemma2Config(**SMALL, final_logit_softcapping=30.0), False),
        (CohereConfig(**SMALL, logit_scale=0.25), False),
        (GraniteConfig(**SMALL, logits_scaling=4.0), False),
        (tiny_config(tie_word_embeddings=True), True),
    ],
)
def test_caps_and_scales_of_logits_are_kept(settings: object, linear: bool) -> None:
    """What a model does to its logits is found out, and done; a plain head is known as one."""
    pair = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(settings)
        for weights in model.parameters():
            if weights.ndim == 2:
                weights.data.normal_(0, 0.3)
        pair.append(split(model))
    assert [half.linear for half in pair] == [linear, linear]
    _close(*_both(*pair))


def test_a_bias_counts() -> None:
    model = torch.nn.Linear(4, 6)
    half = Halves(causal=None, body=None, head=model, linear=True, vocabulary=6)  # type: ignore[arg-type]
    other = Halves(causal=None, body=None, head=torch.nn.Linear(4, 6), linear=True, vocabulary=6)  # type: ignore[arg-type]
    hidden, targets = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.arange(5)
    found = divergence(half, other, hidden, hidden, targets, block=(2, 4))
    p, q = (one.head(hidden).double().log_softmax(-1) for one in (half, other))
    torch.testing.assert_close(found.forward, (p.exp() * (p - q)).sum(-1).detach(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found.model_loss, -q[torch.arange(5), targets].detach(), atol=1e-6, rtol=1e-5)


def test_heads_of_different_size_are_compared_over_the_common_tokens() -> None:
    """Both renormalised: the smaller head's tokens are all there is."""
    _close(*_both(_llama(0), _llama(1, vocab_size=80), vocabulary=64, block=(4, 7)))


@pytest.mark.parametrize("prompt", [(0, 1), (3, 4)])
def test_expected_sum_is_the_exact_divergence_of_sentences(prompt: tuple[int, ...]) -> None:
    """Over all sentences, weighted by their probability, the sums of a response average to KL: no bias.

    Forward where the reference draws, reverse where the model does; over the other's sentences they do not.
    """
    reference, model = tiny(0), tiny(1, like=tiny(0))
    texts = list(sentences())
    found = read_passages(reference, model, [Passage((*prompt, *text), 2, 0) for text in texts])
    ours, theirs = (log_probabilities(half, prompt).exp().numpy() for half in (reference, model))
    assert ours.sum() == pytest.approx(1) == theirs.sum()
    forward, reverse = (np.bincount(found.passage, weights=v) for v in (found.forward, found.reverse))
    assert ours @ forward == pytest.approx(exact_kl(reference, model, prompt), rel=1e-4)
    assert theirs @ reverse == pytest.approx(exact_kl(model, reference, prompt), rel=1e-4)
    assert abs(theirs @ forward / (ours @ forward) - 1) > 0.005


def test_samples_follow_the_model() -> None:
    """Of 4,000 sentences each comes as often as its probability says."""
    model, prompt, count = tiny(0), (0, 1), 4000
    drawn = sample_responses(
        model, [prompt], stop=frozenset([STOP]), longest=LONGEST, samples=count, batch=count
    )
    seen = Counter(map(tuple, drawn))
    assert set(seen) <= set(sentences())
    expected = (count * log_probabilities(model, prompt).exp()).tolist()
    likely = dict(zip(sentences(), expected, strict=True))
    likely = {text: much for text, much in likely.items() if much >= 5}
    score = sum((seen[text] - much) ** 2 / much for text, much in likely.items())
    assert score < len(likely) + 4 * math.sqrt(2 * len(likely))


def test_samples_do_not_depend_on_the_batch() -> None:
    """Prompts of any length share a batch without padding, and every draw has its own random numbers."""
    model = _llama(0)
    asked = [[3, 4, 5], [6], [7, 8, 9, 10, 11], [3, 4]]
    settings = {"stop": frozenset([2]), "longest": 12, "samples": 2}
    alone = sample_responses(model, asked, batch=1, **settings)  # type: ignore[arg-type]
    together = sample_responses(model, asked, batch=8, **settings)  # type: ignore[arg-type]
    assert alone == together
    assert alone != sample_responses(model, asked, batch=8, seed=1, **settings)  # type: ignore[arg-type]
    assert len({tuple(response) for response in alone}) == len(alone)
    assert all(len(response) == 12 or response[-1] == 2 for response in alone)
    assert all(2 not in response[:-1] for response in alone)


def test_nothing_outside_the_shared_vocabulary_is_drawn() -> None:
    drawn = sample_responses(_llama(0), [[3]], stop=frozenset(), longest=200, vocabulary=10)
    assert max(drawn[0]) == 9


@pytest.mark.slow
def test_interval_covers_the_exact_divergence() -> None:
    """Of 400 repetitions with 40 random prompts each, about 95 % of intervals hold the exact mean KL."""
    reference, model = tiny(0), tiny(1, like=tiny(0))
    exact = float(np.mean([exact_kl(reference, model, prompt) for prompt in prompts()]))
    count, size = 400, 40
    chosen = np.random.default_rng(3).integers(0, 25, size=count * size)
    asked = [prompts()[at] for at in chosen]
    drawn = sample_responses(reference, asked, stop=frozenset([STOP]), longest=LONGEST, batch=2000)
    passages = [Passage((*prompt, *text), 2, 0) for prompt, text in zip(asked, drawn, strict=True)]
    found = read_passages(reference, model, passages, batch=2000)
    sums = np.bincount(found.passage, weights=found.forward).reshape(count, size)
    assert sums.mean() == pytest.approx(exact, abs=4 * sums.std() / math.sqrt(count * size))
    covered = 0
    for repetition in sums:
        interval = clustered_mean(repetition, np.ones(size), unit="nats")
        covered += interval.low <= exact <= interval.high
    assert 0.92 <= covered / count <= 0.98


def test_kept_passes_are_not_run_again(tmp_path: Path) -> None:
    """A second model costs the reference no pass, and its figures are those without a cache, exactly."""
    passages = [Passage((1, 5, 6, 7, 8), 2, 0), Passage((1, 9, 10), 1, 1), Passage((1, 4, 4, 4), 3, 2)]
    first, second = _llama(1), _llama(2)
    plain = read_passages(_llama(0), second, passages, batch=2)
    reference = _llama(0)
    read_passages(reference, first, passages, batch=2, kept=Kept(tmp_path / "kept"))
    assert reference.passes == first.passes == 2
    again, kept = _llama(0), Kept(tmp_path / "kept")
    found = read_passages(again, second, passages, batch=2, kept=kept)
    assert (again.passes, second.passes, len(kept.used)) == (0, 4, 1)
    _same(found, plain)


@pytest.mark.parametrize("change", ["weights", "tokens", "start", "dtype"])
def test_kept_passes_are_of_these_weights_and_tokens(tmp_path: Path, change: str) -> None:
    """Whatever decides the result decides whether an entry is found."""
    passages = [Passage((1, 5, 6, 7, 8), 2, 0)]
    read_passages(_llama(0), _llama(1), passages, kept=Kept(tmp_path))
    other = {"tokens": [Passage((1, 5, 6, 7, 9), 2, 0)], "start": [Passage((1, 5, 6, 7, 8), 3, 0)]}
    reference = _llama(0, torch.float64 if change == "dtype" else torch.float32)
    if change == "weights":
        reference.head.weight.data[3, 3] += 1e-3
    read_passages(reference, _llama(1), other.get(change, passages), kept=Kept(tmp_path))
    assert reference.passes == 1


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    passages = [Passage((1, 5, 6, 7, 8), 2, 0)]
    plain = read_passages(_llama(0), _llama(1), passages, kept=Kept(tmp_path))
    (entry,) = tmp_path.iterdir()
    (entry / "hidden").write_bytes(b"short")
    reference = _llama(0)
    _same(read_passages(reference, _llama(1), passages, kept=Kept(tmp_path)), plain)
    assert reference.passes == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_an_entry_is_whole_or_not_there(tmp_path: Path) -> None:
    """A run that breaks off leaves nothing that a later one could take for passes."""
    broken = _llama(1)
    broken.head.weight.data[0, 0] = math.nan
    with pytest.raises(UnreadableInput, match="not finite"):
        read_passages(_llama(0), broken, [Passage((1, 5, 6), 1, 0)], kept=Kept(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableInput, match="the cache cannot be written"):
        read_passages(_llama(0), _llama(1), [Passage((1, 5, 6), 1, 0)], kept=Kept(tmp_path / "file"))


def _same(found: Readings, other: Readings) -> None:
    for name in Readings.__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name))


def test_batches_and_padding_change_nothing() -> None:
    """A passage read with longer ones gives what it gives alone; results stand in the order given."""
    passages = [Passage((1, 5, 6, 7, 8, 9, 10), 4, 0), Passage((1, 9), 1, 1), Passage((1, 4, 4, 4), 1, 2)]
    together = read_passages(_llama(0), _llama(1), passages, batch=3)
    alone = read_passages(_llama(0), _llama(1), passages, batch=1)
    assert together.passage.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert together.position.tolist() == [1, 2, 3, 1, 1, 2, 3]
    for name in ("forward", "reverse", "reference_loss", "model_loss"):
        np.testing.assert_allclose(getattr(together, name), getattr(alone, name), atol=1e-5)


def _named(half: Halves, words: dict[str, int] | None) -> Halves:
    class Words:
        def get_vocab(self) -> dict[str, int]:
            assert words is not None
            return words

    tokenizer = None if words is None else Words()
    causal = Causal(name="model", model=half.causal.model, tokenizer=tokenizer, device=torch.device("cpu"))
    return halves(causal)


def test_one_tokenizer_and_padded_heads() -> None:
    """Rows added to a head are left out, and it is said."""
    words = {f"w{at}": at for at in range(60)}
    shared = shared_vocabulary(_named(_llama(0), words), _named(_llama(1, vocab_size=80), words))
    assert shared.size == 64
    assert "renormalised" in shared.notes[0]
    assert shared_vocabulary(_named(_llama(0), words), _named(_llama(1), words)).notes == ()


def test_added_tokens_need_to_be_asked_for() -> None:
    """A vocabulary that goes on where the other ends: refused, or cut where they part."""
    words = {f"w{at}": at for at in range(60)}
    pair = _named(_llama(0), words), _named(_llama(1), {**words, "<|chat|>": 60})
    with pytest.raises(UsageError, match="--vocab intersect"):
        shared_vocabulary(*pair)
    shared = shared_vocabulary(*pair, "intersect")
    assert shared.size == 60
    assert "1 of the model's" in shared.notes[0]


@pytest.mark.parametrize("rule", ["exact", "intersect"])
def test_different_tokenizers_have_no_divergence(rule: str) -> None:
    """Not under any rule: tokens in another order are other events."""
    ours = {f"w{at}": at for at in range(60)}
    theirs = {f"w{at}": 59 - at for at in range(60)}
    with pytest.raises(UsageError, match="undefined"):
        shared_vocabulary(_named(_llama(0), ours), _named(_llama(1), theirs), rule)  # type: ignore[arg-type]


def test_without_a_tokenizer_sizes_must_agree() -> None:
    words = {f"w{at}": at for at in range(60)}
    with pytest.raises(UnreadableInput, match="no tokenizer"):
        shared_vocabulary(_named(_llama(0), words), _named(_llama(1, vocab_size=80), None))
    assert shared_vocabulary(_named(_llama(0), words), _named(_llama(1), None)).notes


def test_stop_tokens_are_the_checkpoint_s(tmp_path: Path) -> None:
    half = halves(load_causal(str(make_llama(tmp_path / "model"))))
    assert stop_tokens(half) == {2}
    half.causal.model.generation_config.eos_token_id = [2, 7]
    assert stop_tokens(half) == {2, 7}
    assert make_tokenizer().eos_token == "</s>"


def test_a_real_model_against_itself_and_perturbed(shared_data: Path) -> None:
    """Trained weights: 0 against itself, and the more the weights are changed the more KL."""
    path = str(shared_data / "weights" / "stories260K")
    reference, same = halves(load_causal(path)), halves(load_causal(path))
    assert reference.linear
    prompt = reference.causal.encode(["Once upon a time"])[0].tolist()
    drawn = sample_responses(reference, [prompt] * 4, stop=stop_tokens(reference), longest=40)
    passages = [Passage((*prompt, *text), len(prompt), at) for at, text in enumerate(drawn)]
    assert read_passages(reference, same, passages).forward.max() == 0.0
    noise, found = torch.Generator().manual_seed(0), []
    for _ in range(3):
        for weights in same.causal.model.model.layers.parameters():
            weights.data += (
                0.02 * weights.data.std(correction=0) * torch.randn(weights.shape, generator=noise)
            )
        found.append(read_passages(reference, same, passages))
    means = [readings.forward.mean() for readings in found]
    assert 0 < means[0] < means[1] < means[2]
    assert found[2].reverse.mean() == pytest.approx(means[2], rel=0.5)
