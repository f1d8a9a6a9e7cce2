"""Writes the log the audit benchmark reads: as many exchanges as asked for, about 1.4 kB each.

Prompts and answers are put together from the bundled example log, so that refusals, caveats and hedges
stand in the text about as often as there. The same seed writes the same bytes.

    python benchmarks/audit/generate.py --exchanges 1000000 --shape flat --out traffic.jsonl
"""

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

Shape = Literal["flat", "pairs"]
TEMPLATES: dict[Shape, str] = {
    "flat": """{{"id": "{id}", "timestamp": "{time}", "use_case": "{use_case}", "model": "{model}", \
"user_id": "{user}", "prompt": {prompt}, "response": {response}, "usage": {{"prompt_tokens": {tokens_in}, \
"completion_tokens": {tokens_out}}}, "finish_reason": "stop"}}
""",
    "pairs": """{{"id": "{id}", "timestamp": "{time}", "metadata": {{"use_case": "{use_case}", \
"user_id": "{user}"}}, "request": {{"model": "{model}", "messages": [{{"role": "user", \
"content": {prompt}}}]}}, "response": {{"id": "r-{id}", "model": "{model}", "choices": [{{"index": 0, \
"finish_reason": "stop", "message": {{"role": "assistant", "content": {response}, "refusal": null}}}}], \
"usage": {{"prompt_tokens": {tokens_in}, "completion_tokens": {tokens_out}}}}}}}
""",
}
"""A line of the log: flat fields, or a request/response pair in OpenAI's shape."""
EXAMPLE = Path(__file__).parents[2] / "examples" / "traffic.jsonl"
POOL = 20_000
USERS = 50_000
ANSWER_BYTES = 1_000
PLAIN_SHARE = 0.75
"""Exchanges drawn from answers without a caveat: the example log holds more of them than traffic does."""
CAVEAT = re.compile(
    r"sorry|apolog|can.t|cannot|consult|qualified|advi[cs]e|\bAI\b|not a |guideline|note", re.IGNORECASE
)


def texts() -> tuple[list[tuple[str, str]], list[str]]:
    """(use case, prompt) pairs and responses of the example log."""
    prompts, responses = [], []
    for line in EXAMPLE.read_text("utf-8").splitlines():
        record = json.loads(line)
        prompts.append((record["metadata"]["use_case"], record["request"]["messages"][-1]["content"]))
        message = record["response"].get("choices", [{}])[0].get("message", {})
        if message.get("content"):
            responses.append(message["content"])
    return prompts, responses


def pool(generator: random.Random) -> list[tuple[str, str, str]]:
    """Exchanges to draw from: use case, prompt and response, the texts as JSON."""
    prompts, responses = texts()
    plain = [text for text in responses if len(text) > 300 and not CAVEAT.search(text)]
    exchanges = []
    for _ in range(POOL):
        use_case, prompt = generator.choice(prompts)
        first = generator.choice(plain if generator.random() < PLAIN_SHARE else responses)
        parts = [first]
        while len(first) > 300 and sum(map(len, parts)) < ANSWER_BYTES:
            parts.append(generator.choice(plain))
        exchanges.append((use_case, json.dumps(prompt), json.dumps("\n\n".join(parts))))
    return exchanges


def lines(exchanges: int, generator: random.Random, shape: Shape) -> Iterator[str]:
    """The lines of the log."""
    drawn = pool(generator)
    template = TEMPLATES[shape]
    for number in range(exchanges):
        use_case, prompt, response = drawn[generator.randrange(POOL)]
        minute = number * 40_320 // exchanges  # four weeks
        yield template.format(
            id=f"ex-{number:08d}",
            time=f"2026-10-{1 + minute // 1440:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z",
            use_case=use_case,
            model="north-2" if generator.random() < minute / 40_320 else "north-1",
            user=f"user-{generator.randrange(USERS):05d}",
            prompt=prompt,
            response=response,
            tokens_in=len(prompt) // 4,
            tokens_out=len(response) // 4,
        )


def write(exchanges: int, out: Path, *, shape: Shape = "flat", seed: int = 7) -> None:
    """Writes the log."""
    with out.open("w", encoding="utf-8") as file:
        file.writelines(lines(exchanges, random.Random(seed), shape))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes the log the audit benchmark reads.")
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--shape", choices=get_args(Shape), default="flat")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write(arguments.exchanges, arguments.out, shape=arguments.shape)
