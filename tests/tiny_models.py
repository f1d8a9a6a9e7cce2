"""Real but tiny Llama checkpoints, written to disk the way transformers writes them."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["WORDS", "make_llama", "make_tokenizer", "tiny_config"]

WORDS = ("<unk>", "<s>", "</s>", *(f"w{at}" for at in range(61)))
"""The vocabulary: 64 words, told apart by spaces."""


def tiny_config(**changes: object) -> LlamaConfig:
    """A Llama of four layers and 32 dimensions over WORDS, unless changed."""
    settings = {
        "vocab_size": len(WORDS),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    }
    return LlamaConfig(**{**settings, **changes})


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word, `<s>` nowhere unless written."""
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def make_llama(
    path: Path,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    shard: str = "5GB",
    model: LlamaForCausalLM | None = None,
    **changes: object,
) -> Path:
    """Writes a checkpoint of random weights, or of `model`, with its tokenizer; returns its directory.

    Args:
        path: directory to write to.
        seed: of the random weights.
        dtype: stored.
        shard: most bytes a file, as transformers takes it ("20KB" gives several shards).
        model: weights to write in place of random ones.
        changes: of `tiny_config`.
    """
    if model is None:
        torch.manual_seed(seed)
        model = LlamaForCausalLM(tiny_config(**changes))
    model.to(dtype).save_pretrained(path, max_shard_size=shard)
    make_tokenizer().save_pretrained(path)
    return path
