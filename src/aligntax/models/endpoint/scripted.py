"""A model whose answers are written down: for tests, demonstrations and dry rehearsals, without a network.

    aligntax ... --model aligntax/scripted@rules.jsonl
    inspect eval aligntax/over_refusal --model aligntax/scripted -M script=rules.jsonl

A script is a JSON object a line; the first whose patterns are found in the request answers it:

    {"pattern": "kill", "reply": "I'm sorry, but I can't help with that."}
    {"pattern": "case 7", "system": "be brief", "reply": ["Yes.", "No."], "tokens_out": 3}
    {"pattern": "forbidden", "reply": "", "stop": "content_filter"}
    {"reply": "Here is how it is done."}

`pattern` is a regular expression looked for in the user's last words, `system` one for the system prompt, in
any case; without one every request matches. A list of replies is gone through, one a time the same request
comes. `stop` is a stop reason of Inspect's, `tokens_in` and `tokens_out` are the usage reported (a token is
four characters otherwise), `model` is the model said to have answered.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi
from inspect_ai.model import StopReason as _StopReason
from inspect_ai.tool import ToolChoice, ToolInfo

from aligntax.errors import AligntaxError, UnreadableInput

__all__ = ["Rule", "ScriptedModel", "load_script"]

_ANSWER = "This is a scripted answer."
_CHARACTERS = 4
_STOPS = frozenset(get_args(_StopReason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is answered to which requests.

    Attributes:
        pattern: regular expression looked for in the user's last words.
        system: regular expression looked for in the system prompt.
        reply: the answer; of several, one after the other.
        stop: why it ended.
        tokens_in: reported for the request; None for an estimate.
        tokens_out: reported for the answer; None for an estimate.
        model: said to have answered; "" for the one asked.
    """

    pattern: str = ""
    system: str = ""
    reply: str | Sequence[str] = _ANSWER
    stop: str = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None
    model: str = ""

    def __post_init__(self) -> None:
        for pattern in (self.pattern, self.system):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        if self.stop not in _STOPS:
            raise ValueError(f"stop {self.stop!r} is none of {', '.join(sorted(_STOPS))}")
        if not self.replies or not all(isinstance(one, str) for one in self.replies):
            raise ValueError("reply is neither a text nor a list of texts")

    @property
    def replies(self) -> Sequence[str]:
        """The answers, one after the other."""
        return [self.reply] if isinstance(self.reply, str) else self.reply

    def matches(self, system: str, prompt: str) -> bool:
        """Whether it answers this request."""
        return _found(self.pattern, prompt) and _found(self.system, system)


def load_script(path: Path) -> list[Rule]:
    """Reads the rules of a script.

    Raises:
        UnreadableInput: there is no such file, or a line of it is not a rule.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(
            f"{path}: {error}", hint="name a file of rules, a JSON object a line"
        ) from error
    rules = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rules.append(_rule(json.loads(line)))
        except (ValueError, TypeError) as error:
            hint = f"an object of {', '.join(one.name for one in fields(Rule))}"
            raise UnreadableInput(f"{path}, line {number}: not a rule: {error}", hint=hint) from error
    if not rules:
        raise UnreadableInput(f"{path}: no rule in it", hint='{"reply": "..."} answers everything')
    return rules


@modelapi(name="aligntax")
class ScriptedModel(ModelAPI):  # type: ignore[misc]
    """Answers by rules, at once.

    Args:
        model_name: whatever stands after "aligntax/".
        base_url: not used.
        api_key: not used.
        config: not used; sampling changes nothing.
        script: file of rules; without one every request gets the same answer.
        rules: in place of a file.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own convention
        script: str | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        written = [_rule(rule) for rule in rules] or [Rule()]
        self.rules: Sequence[Rule] = written if script is None else load_script(Path(script))
        self._came: Counter[tuple[str, str]] = Counter()

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """The answer of the first rule that matches."""
        system = "\n".join(message.text for message in input if message.role == "system")
        prompt = next((message.text for message in reversed(input) if message.role == "user"), "")
        rule = next((rule for rule in self.rules if rule.matches(system, prompt)), None)
        if rule is None:
            raise AligntaxError("no rule of the script matches", hint='end it with {"reply": "..."}')
        text = rule.replies[self._came[system, prompt] % len(rule.replies)]
        self._came[system, prompt] += 1
        output = ModelOutput.from_content(rule.model or self.model_name, text, stop_reason=rule.stop)
        output.usage = _usage(rule, sum(len(message.text) for message in input), len(text))
        return output

    async def count_text_tokens(self, text: str) -> int:
        """Tokens of a text, four characters each."""
        return _tokens(len(text))


def _rule(row: Any) -> Rule:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(row, Mapping):
        raise TypeError("it is not an object")
    unknown = sorted(set(row) - {one.name for one in fields(Rule)})
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is unknown")
    return Rule(**row)


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _tokens(characters: int) -> int:
    return math.ceil(characters / _CHARACTERS)


def _usage(rule: Rule, sent: int, received: int) -> ModelUsage:
    tokens_in = _tokens(sent) if rule.tokens_in is None else rule.tokens_in
    tokens_out = _tokens(received) if rule.tokens_out is None else rule.tokens_out
    return ModelUsage(input_tokens=tokens_in, output_tokens=tokens_out, total_tokens=tokens_in + tokens_out)
