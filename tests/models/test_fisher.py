"""The Fisher information: equal to brute force, and in expectation to what its definition says."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.causal import Causal
from aligntax.models.fisher import DiagonalFisher, FisherSettings, Sample, diagonal_fisher, fisher_of_groups
from aligntax.models.fisher_store import load_fisher, save_fisher
from tiny_models import tiny_config

EMPIRICAL = FisherSettings(labels="data", batch=3)
Squares = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def causal(model: nn.Module) -> Causal:
    return Causal("tiny", model.eval().requires_grad_(False), None, torch.device("cpu"))


def llama(**changes: object) -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = LlamaForCausalLM(tiny_config(num_hidden_layers=2, **changes))
    with torch.no_grad():  # norms of one everywhere would hide a wrong formula
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.normal_(1.0, 0.3)
    return model


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2, attn_pdrop=0.0)
    )


def mixtral() -> MixtralForCausalLM:
    torch.manual_seed(0)
    return MixtralForCausalLM(
        MixtralConfig(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            num_local_experts=4,
            num_experts_per_tok=2,
        )
    )


def texts(vocabulary: int = 64) -> list[Sample]:
    """Of different lengths, with and without a prompt that is no target."""
    torch.manual_seed(1)
    shapes = [(9, 1), (5, 3), (12, 6), (7, 1), (7, 2), (2, 1)]
    return [
        Sample(torch.randint(0, vocabulary, (length,)), first, at)
        for at, (length, first) in enumerate(shapes)
    ]


def gradients(model: nn.Module, loss: Tensor) -> Squares:
    """Autograd's own gradient of every parameter."""
    model.requires_grad_(True)
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True, retain_graph=True)
    model.requires_grad_(False)
    return {
        n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)
    }


def log_chances(model: nn.Module, sample: Sample) -> Tensor:
    """(targets, vocabulary) log-probabilities, with a graph."""
    model.requires_grad_(True)
    logits = model(input_ids=sample.tokens[None], use_cache=False).logits[0]
    return torch.log_softmax(logits, -1)[sample.first - 1 : -1]


def summed(squares: Iterator[Squares]) -> Squares:
    total: Squares = {}
    for one in squares:
        total = {name: total.get(name, torch.tensor(0.0)) + value for name, value in one.items()}
    return total


def brute_force(model: nn.Module, samples: Sequence[Sample]) -> Squares:
    """One text at a time through autograd, the gradient of its summed loss squared."""

    def square(sample: Sample) -> Squares:
        loss = -log_chances(model, sample).gather(1, sample.tokens[sample.first :, None]).sum()
        return {name: found**2 for name, found in gradients(model, loss).items()}

    return summed(square(sample) for sample in samples)


def close(found: Squares, wanted: Squares, tolerance: float = 1e-4) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert (found[name] - value).norm() <= tolerance * value.norm() + 1e-12, name


@pytest.mark.parametrize(
    "make",
    [
        llama,
        lambda: llama(tie_word_embeddings=True),
        lambda: llama(attention_bias=True, mlp_bias=True),
        gpt2,
        mixtral,
    ],
    ids=["llama", "tied", "biases", "gpt2", "mixtral"],
)
def test_a_batch_equals_one_text_at_a_time(make: Callable[[], nn.Module]) -> None:
    """Sums over a padded batch are those of a loop over texts, for every parameter of every architecture."""
    model = make()
    found = diagonal_fisher(causal(model), texts(), EMPIRICAL)
    close(found.sums, brute_force(model, texts()))
    assert found.tokens == sum(sample.targets for sample in texts())
    assert found.samples == len(texts())


def test_it_is_not_the_square_of_a_batch() -> None:
    """The trap: the squared gradient of a batch is another number."""
    model = llama()
    found = diagonal_fisher(causal(model), texts(), EMPIRICAL)
    summed_gradient = summed(
        gradients(model, -log_chances(model, s).gather(1, s.tokens[s.first :, None]).sum()) for s in texts()
    )
    name = "model.layers.0.mlp.up_proj.weight"
    assert (summed_gradient[name] ** 2 - found.sums[name]).norm() > 0.3 * found.sums[name].norm()


def enumerable() -> tuple[LlamaForCausalLM, Sample]:
    """Five tokens and three targets: 125 sequences of labels."""
    model = llama(
        vocab_size=5, hidden_size=8, intermediate_size=12, num_attention_heads=2, tie_word_embeddings=True
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # far from a uniform guess
    return model, Sample(torch.tensor([1, 3, 0, 2]))


def definition(model: nn.Module, sample: Sample) -> Squares:
    """Equation (1): over every target and every label, probability times the squared score."""
    chances = log_chances(model, sample)

    def squares() -> Iterator[Squares]:
        for row in chances:
            for label in row:
                score = gradients(model, label)
                yield {name: float(label.detach().exp()) * found**2 for name, found in score.items()}

    return summed(squares())


def over_all_labels(model: nn.Module, sample: Sample, settings: FisherSettings) -> Squares:
    """What our pass gives with labels of its own, averaged over all label sequences exactly."""
    from aligntax.models import fisher
    from aligntax.models.per_sample import GradientSquares

    chances = log_chances(model, sample).detach().exp()
    model.requires_grad_(False)

    def squares() -> Iterator[Squares]:
        for labels in itertools.product(range(chances.shape[1]), repeat=len(chances)):
            work = GradientSquares(model, settings.per)
            one = fisher._Pass(causal(model), work, settings)
            one._labels = lambda *_, labels=labels: torch.tensor([[*labels, 0]])  # type: ignore[method-assign]
            one.run([sample])
            weight = float(chances[range(len(labels)), labels].prod())
            yield {name: weight * sums for name, sums in work.sums.items()}

    return summed(squares())


def test_a_squared_sequence_gradient_is_unbiased() -> None:
    """Its mean over labels drawn position by position is the token-level Fisher, for every parameter."""
    model, sample = enumerable()
    close(over_all_labels(model, sample, FisherSettings()), definition(model, sample), 1e-3)


def test_positions_are_the_fisher_above_the_last_attention_only() -> None:
    """(G*G)^T (A*A) has the right mean where a loss reaches a weight at its own position, and not below."""
    model, sample = enumerable()
    found = over_all_labels(model, sample, FisherSettings(per="position"))
    wanted = definition(model, sample)
    last = "model.layers.1"
    for name in ("mlp.up_proj", "mlp.gate_proj", "mlp.down_proj", "self_attn.o_proj", "self_attn.q_proj"):
        close({name: found[f"{last}.{name}.weight"]}, {name: wanted[f"{last}.{name}.weight"]}, 1e-3)
    close({"": found["model.norm.weight"]}, {"": wanted["model.norm.weight"]}, 1e-3)
    for name in (f"{last}.self_attn.v_proj.weight", "model.layers.0.mlp.up_proj.weight"):
        assert (found[name] - wanted[name]).norm() > 0.05 * wanted[name].norm()


@pytest.mark.parametrize("make", [llama, lambda: llama(tie_word_embeddings=True)], ids=["llama", "tied"])
def test_positions_equal_their_own_definition(make: Callable[[], nn.Module]) -> None:
    """The same as giving each position of each text weights of its own, and squaring their gradients."""
    model = make()
    found = diagonal_fisher(causal(model), texts(), FisherSettings(labels="data", per="position", batch=3))
    wanted = summed(_position_by_position(model, sample) for sample in texts())
    close(found.sums, wanted)


def _position_by_position(model: nn.Module, sample: Sample) -> Squares:
    """By a loop over uses of a module and positions, each position's gradient by autograd."""
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((module, inputs[0].detach(), output))

    named = {id(parameter): name for name, parameter in model.named_parameters()}
    owners = [module for module in model.modules() if list(module.parameters(recurse=False))]
    hooks = [module.register_forward_hook(keep) for module in owners]
    loss = -log_chances(model, sample).gather(1, sample.tokens[sample.first :, None]).sum()
    for hook in hooks:
        hook.remove()
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    arrived = torch.autograd.grad(loss, [output for _, _, output in seen])
    for (module, inputs, _), gradient in zip(seen, arrived, strict=True):
        parameters = list(module.parameters(recurse=False))
        for at in range(inputs.shape[1]):
            parts = torch.autograd.grad(module(inputs[:, at : at + 1]), parameters, gradient[:, at : at + 1])
            for parameter, part in zip(parameters, parts, strict=True):
                total[named[id(parameter)]] += part**2
    model.requires_grad_(False)
    return total


def test_draws_come_closer_to_the_definition() -> None:
    """Many draws of the labels average to the Fisher information; the seed decides them."""
    model, sample = enumerable()
    wanted = definition(model, sample)
    model.requires_grad_(False)
    copies = [replace(sample, number=number) for number in range(1000)]
    found = diagonal_fisher(causal(model), copies, FisherSettings(draws=2, seed=5, batch=100))
    close({name: sums / len(copies) for name, sums in found.sums.items()}, wanted, 0.15)
    few = [diagonal_fisher(causal(model), [sample], FisherSettings(seed=seed)).sums for seed in (1, 1, 2)]
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(few[0][name], few[1][name])
    assert not torch.equal(few[0][name], few[2][name])


def test_neither_batches_nor_groups_change_the_result() -> None:
    """Labels hang on the text, not on the batch it is in."""
    model = llama()
    whole = diagonal_fisher(causal(model), texts(), FisherSettings(batch=6))
    single = diagonal_fisher(causal(model), texts(), FisherSettings(batch=1))
    close(whole.sums, single.sums)
    parts = list(fisher_of_groups(causal(model), [texts()[:2], texts()[2:]], FisherSettings(batch=4)))
    both: DiagonalFisher = parts[0].plus(parts[1])
    close(both.sums, single.sums)
    assert both.tokens == single.tokens


def test_the_model_is_left_as_it_was() -> None:
    """No weight, flag, gradient or hook is changed."""
    model = llama()
    model.lm_head.weight.requires_grad_(True)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    given = Causal("tiny", model.eval(), None, torch.device("cpu"))
    flags = [parameter.requires_grad for parameter in model.parameters()]
    diagonal_fisher(given, texts())
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


class Sly(nn.Module):
    """A head that reads the embedding's weights without calling it."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = [embedding]

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embedding[0].weight.T


def test_a_use_that_hooks_cannot_see_is_found_out() -> None:
    """A weight read behind the back of its module is left to autograd, and comes out right."""
    model = llama()
    model.lm_head = Sly(model.model.embed_tokens)
    found = diagonal_fisher(causal(model), texts(), EMPIRICAL)
    assert found.one_at_a_time == ("model.embed_tokens.weight",)
    close(found.sums, brute_force(model, texts()))


def test_bfloat16_is_summed_in_float32() -> None:
    """Sums are float32 and near those of float32 weights."""
    model = llama()
    wanted = diagonal_fisher(causal(model), texts(), EMPIRICAL).sums
    found = diagonal_fisher(causal(model.to(torch.bfloat16)), texts(), EMPIRICAL).sums
    assert all(sums.dtype is torch.float32 for sums in found.values())
    close(found, wanted, 0.1)


def test_weights_that_are_not_numbers() -> None:
    """NaN in a weight is an error that names it."""
    model = llama()
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan
    with pytest.raises(UnreadableInput, match=r"layers\.1\.mlp\.up_proj\.weight"):
        diagonal_fisher(causal(model), texts())


def test_bad_calls() -> None:
    """No texts, a text without targets, tokens the model does not know, no draws."""
    model = causal(llama())
    with pytest.raises(UsageError, match="no texts"):
        diagonal_fisher(model, [])
    with pytest.raises(UsageError, match="without targets"):
        diagonal_fisher(model, [Sample(torch.tensor([1, 2]), first=2)])
    with pytest.raises(UnreadableInput, match="token 64"):
        diagonal_fisher(model, [Sample(torch.tensor([1, 64]))])
    for settings in ({"draws": 0}, {"batch": 0}, {"labels": "data", "draws": 2}):
        with pytest.raises(UsageError):
            FisherSettings(**settings)


def test_kept_and_read_back(tmp_path: Path) -> None:
    """The file holds F over its mean; times the mean it is F per target token again."""
    found = diagonal_fisher(causal(llama(tie_word_embeddings=True)), texts())
    path = tmp_path / "kept" / "fisher.safetensors"
    save_fisher(found, path, {"model": "tiny", "labels": "sampled"})
    stored = load_fisher(path)
    assert torch.cat([t.flatten() for t in stored.weights.values()]).mean() == pytest.approx(1, rel=1e-4)
    close(
        {n: t * stored.mean for n, t in stored.weights.items()},
        {n: s / found.tokens for n, s in found.sums.items()},
    )
    assert stored.about["labels"] == "sampled"
    assert [entry.name for entry in path.parent.iterdir()] == ["fisher.safetensors"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    """What is no Fisher file is said to be none."""
    from safetensors.torch import save_file

    wrong = tmp_path / "wrong.safetensors"
    save_file({"a": torch.ones(2)}, wrong)
    (tmp_path / "text.safetensors").write_text("no")
    for name in ("wrong.safetensors", "text.safetensors", "missing.safetensors"):
        with pytest.raises(UnreadableInput):
            load_fisher(tmp_path / name)
