"""Proxy samples for `aligntax merge`, read or drawn, and the shares of `adaptive` fitted to them."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aligntax.cli.loading import check_device
from aligntax.cli.merge_options import Options
from aligntax.cli.output import Stage
from aligntax.errors import UsageError
from aligntax.labels.lines import json_line
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.fitting import fit_shares
from aligntax.mitigations.merging.in_memory import InMemory
from aligntax.mitigations.merging.proxy import Sample, read_samples
from aligntax.mitigations.merging.run import Merge
from aligntax.mitigations.merging.sweep import ALIGNED, fitting
from aligntax.models.encoding import longest_input
from aligntax.models.halves import halves
from aligntax.models.sampling import sample_responses, stop_tokens
from aligntax.records.files import atomic
from aligntax.report.merge_fit import FILE, fit_document
from aligntax.tax.prompts import read_prompts

__all__ = ["fitted", "in_memory", "keep_fit", "proxy_samples"]

_PASSES = 40
_PRE_WEIGHT = 0.2
_MOST_TOKENS = 1024


def in_memory(merge: Merge, options: Options) -> InMemory:
    """The merged model in memory, of the type it would be stored in.

    Raises:
        UsageError: no such device.
    """
    check_device(options.device)
    model = InMemory(merge, device=options.device)
    if merge.output.dtype is not None:
        for parameter in model.causal.model.parameters():
            parameter.data = parameter.data.to(merge.output.dtype)
    return model


def proxy_samples(options: Options, model: InMemory, stage: Stage) -> tuple[list[Sample], str]:
    """Texts that stand for reward, and where they come from; drawn ones are saved if that was asked for."""
    if options.proxy is not None:
        return read_samples(options.proxy), str(options.proxy)
    assert options.proxy_prompts is not None
    samples = _drawn(options, options.proxy_prompts, model, stage)
    if options.save_proxy is not None:
        with atomic(options.save_proxy) as part:
            lines = (json_line({"prompt": each.prompt, "response": each.response}) for each in samples)
            part.write_text("".join(lines), "utf-8")
    return samples, f"drawn from the aligned model for {options.proxy_prompts}"


def fitted(merge: Merge, options: Options, stage: Stage) -> tuple[Adaptive, dict[str, Any]]:
    """`adaptive` with fitted shares, and the document of the fit."""
    model = in_memory(merge, options)
    samples, source = proxy_samples(options, model, stage)
    texts = fitting(model.causal, list(dict.fromkeys(samples)))  # one said twice is not held out
    mean = _PRE_WEIGHT if options.pre_weight is None else options.pre_weight
    with stage("fitting shares: passes", _PASSES) as told:
        fit = fit_shares(
            model,
            texts.samples,
            pre_weight=mean,
            groups=options.groups,
            passes=_PASSES,
            batch=options.batch,
            told=told,
        )
    document = fit_document(
        source=source,
        samples=len(texts.samples),
        left_out=len(samples) - len(texts.samples),
        pre_weight=mean,
        shares=fit.shares,
        fitted=fit.fitted,
        gain=fit.gain,
        passes=fit.passes,
        tried=fit.tried,
    )
    return Adaptive(fit.shares), document


def keep_fit(fit: Mapping[str, Any], out: Path) -> None:
    """Writes the document of the fit beside the merged weights."""
    with atomic(out / FILE) as part:
        part.write_text(json.dumps(fit, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _drawn(options: Options, path: Path, model: InMemory, stage: Stage) -> list[Sample]:
    """Answers of the aligned model itself, as many to each prompt as make up the number asked for."""
    model.mix(ALIGNED)
    half, longest = halves(model.causal), options.max_new_tokens
    prompts = [_prompt(model, each.text, options.chat) for each in read_prompts(path)]
    room = longest_input([half], _MOST_TOKENS) - longest
    encoded = [model.causal.encode([f"{prompt}\n"])[0].tolist() for prompt in prompts]
    fit = [at for at, ids in enumerate(encoded) if 0 < len(ids) <= room][: options.proxy_samples]
    if not fit:
        raise UsageError(
            f"{path}: no prompt leaves room for {longest} tokens of an answer", hint="--max-new-tokens 32"
        )
    each = math.ceil(options.proxy_samples / len(fit))
    with stage("drawing proxy samples: tokens", len(fit) * each * longest) as told:
        responses = sample_responses(
            half,
            [encoded[at] for at in fit],
            stop=stop_tokens(half),
            longest=longest,
            samples=each,
            seed=options.seed or 0,
            batch=options.batch,
            advance=told,
        )
    samples = [
        Sample(prompts[at], _text(model, responses[row * each + number]))
        for number in range(each)
        for row, at in enumerate(fit)
    ]
    return [sample for sample in samples[: options.proxy_samples] if sample.response]


def _prompt(model: InMemory, text: str, chat: bool) -> str:
    """What comes before an answer, less the end of line that is put between the two."""
    tokenizer = model.causal.tokenizer
    if not chat:
        return text
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(f"{model.causal.name}: no chat template", hint="leave out --chat")
    turns = [{"role": "user", "content": text}]
    wrapped = str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
    return wrapped.removeprefix(tokenizer.bos_token or "").removesuffix("\n")


def _text(model: InMemory, tokens: Sequence[int]) -> str:
    return str(model.causal.tokenizer.decode(tokens, skip_special_tokens=True)).strip()
