"""Writes the log the audit benchmark reads: as many exchanges as asked for, about 1.4 kB each.

Prompts and answers are put together from the bundled example log, so that refusals, caveats and hedges
stand in the text about as often as there. The same seed writes the same bytes.

    python benchmarks/audit/generate.py --exchanges 1000000 --out traffic.jsonl
"""

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

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


def lines(exchanges: int, generator: random.Random) -> Iterator[str]:
    """The lines of the log."""
    drawn = pool(generator)
    for number in range(exchanges):
        use_case, prompt, response = drawn[generator.randrange(POOL)]
        minute = number * 40_320 // exchanges  # four weeks
        model = "north-2" if generator.random() < minute / 40_320 else "north-1"
        yield (
            f'{{"id": "ex-{number:08d}", "timestamp": "2026-10-{1 + minute // 1440:02d}T'
            f'{minute // 60 % 24:02d}:{minute % 60:02d}:{number % 60:02d}Z", "use_case": "{use_case}", '
            f'"model": "{model}", "user_id": "user-{generator.randrange(USERS):05d}", "prompt": {prompt}, '
            f'"response": {response}, "usage": {{"prompt_tokens": {len(prompt) // 4}, '
            f'"completion_tokens": {len(response) // 4}}}, "finish_reason": "stop"}}\n'
        )


def write(exchanges: int, out: Path, *, seed: int = 7) -> None:
    """Writes the log."""
    with out.open("w", encoding="utf-8") as file:
        file.writelines(lines(exchanges, random.Random(seed)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write(arguments.exchanges, arguments.out)
