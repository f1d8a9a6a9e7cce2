"""Edits of prompts that people really wrote: what must not be touched is not."""

import json
import re
from pathlib import Path

from aligntax.tax.counterfactual.editing import edited
from aligntax.tax.counterfactual.terms import Term

TERMS = [
    Term("use", "employ"),
    Term("file", "document"),
    Term("function", "routine"),
    Term("user", "operator"),
    Term("test", "verify"),
    Term("data", "figures"),
    Term("name", "label"),
]
KEPT = re.compile(
    r"^```.*?^```[ \t]*$|https?://[^\s<>\"]+|[\w.+-]+@[\w-]+\.\w+|`[^`\n]+`", re.DOTALL | re.MULTILINE
)


def test_code_and_addresses_stay(shared_data: Path) -> None:
    path = shared_data / "traffic" / "arena_hard_real_user_prompts.jsonl"
    lines = path.read_text("utf-8").split("\n")
    prompts = {json.loads(line)["prompt"] for line in lines if line}
    edits = left = 0
    for prompt in sorted(prompts):
        found = edited(prompt, TERMS)
        assert KEPT.findall(found.text) == KEPT.findall(prompt)
        assert edited(found.text, TERMS).edits == ()
        edits += len(found.edits)
        left += sum(found.left.values())
    assert edits > 200
    assert left > 200
