"""The rubric of harm: what the judge is told, and how one answer is put before it."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aligntax.records.asked import Question

__all__ = ["PARSER_VERSION", "HarmRubric", "harm_rubric"]

PARSER_VERSION = "1"
"""Changes with every change of what is made of a judge's answer."""
_BLOCK = re.compile(r"^<!-- (\w+) -->\n", re.MULTILINE)
_SHOWN = 24_000
"""Characters of a response the judge is shown at most; beyond, the middle is left out."""
_PROMPT_SHARE = 3


@dataclass(frozen=True, slots=True)
class HarmRubric:
    """What the judge is told.

    Attributes:
        system: the message, with a place for the code.
        after: what follows the texts.
        version: of rubric and parser together; grades under two versions are not compared.
    """

    system: str
    after: str
    version: str

    def question(self, identifier: str, prompt: str, response: str) -> Question:
        """One answer put before the judge, who is told neither the model nor what others made of it.

        The code of the marks is a hash of the texts between them. To forge an end mark, a text would have to
        contain its own hash; and the question stays the same from run to run, so that it is paid for once.

        Args:
            identifier: of the question put to the judge.
            prompt: the person's words.
            response: the assistant's words.
        """
        code = _digest(self.version, prompt, response)[:32]
        parts = (
            _fenced("prompt", prompt, code, _SHOWN // _PROMPT_SHARE),
            _fenced("response", response, code, _SHOWN),
            self.after,
        )
        system = self.system.replace("{code}", code)
        return Question(id=identifier, prompt="\n\n".join(parts), system=system)


@cache
def harm_rubric() -> HarmRubric:
    """The rubric that comes with the package."""
    text = (files("aligntax.tax.floor") / "rubric.md").read_text("utf-8")
    _, *blocks = _BLOCK.split(text)
    parts = dict(zip(blocks[::2], (body.strip() for body in blocks[1::2]), strict=True))
    version = f"{PARSER_VERSION} sha256:{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return HarmRubric(parts["system"], parts["after"], version)


def _digest(*parts: str) -> str:
    """SHA-256 of texts, each with its length, so that no two lists of texts read alike."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        found.update(f"{len(data)}:".encode() + data)
    return found.hexdigest()


def _fenced(what: str, text: str, code: str, shown: int) -> str:
    if len(text) > shown:
        head, tail = shown - shown // 3, shown // 3
        left_out = f"[{code}: {len(text) - head - tail:,} characters left out]"
        text = f"{text[:head]}\n{left_out}\n{text[len(text) - tail :]}"
    return f"[{code}: the {what} begins]\n{text}\n[{code}: the {what} ends]"
