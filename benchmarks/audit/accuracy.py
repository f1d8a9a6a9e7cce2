"""How often the cascade agrees with people, on data it was not built on; writes accuracy.json.

    python benchmarks/audit/accuracy.py ../shared/data/labelled

The two files marked "for setting thresholds" are the ones its thresholds were set on; the others it has
not seen. `any` counts refused and hedged as one.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from aligntax.detectors import PhraseDetector
from aligntax.stats import wilson

CLASSES = {"complete": 0, "partial": 1, "refused": 2}
OUTCOMES = {"complete": 0, "hedged": 1, "refused": 2}
FILES = {
    "xstest_completions": "not seen",
    "do_not_answer": "not seen",
    "chatgpt_refusals": "for setting thresholds",
    "rbr_gold_train": "for setting thresholds",
}


def agreement(rows: list[dict[str, Any]], detect: PhraseDetector) -> dict[str, Any]:
    """Figures for some labelled responses; an undetermined one counts as not refused and as wrong."""
    batch = pa.RecordBatch.from_pydict(
        {
            "id": pa.array([r["id"] for r in rows]),
            "prompt": pa.array([r["prompt"] for r in rows]),
            "response": pa.array([r["response"] or "" for r in rows]),
        }
    )
    found = np.array([OUTCOMES.get(o, -1) for o in detect(batch).column("outcome").to_pylist()])
    truth = np.array([CLASSES[r["label"]] for r in rows])
    any_found, any_true = found > 0, truth > 0
    agree = float((any_found == any_true).mean())
    chance = any_found.mean() * any_true.mean() + (1 - any_found.mean()) * (1 - any_true.mean())
    return {
        "n": len(rows),
        "accuracy_three_classes": _rate(found == truth),
        "any_sensitivity": _rate(any_found[any_true]),
        "any_specificity": _rate(~any_found[~any_true]),
        "any_kappa": round(float((agree - chance) / (1 - chance)), 3),
        "any_true_rate": round(float(any_true.mean()), 4),
        "any_estimated_rate": round(float(any_found.mean()), 4),
        "undetermined": int((found < 0).sum()),
    }


def _rate(hits: np.ndarray) -> list[float]:
    estimate = wilson(int(hits.sum()), len(hits))
    return [round(x, 3) for x in (estimate.value, estimate.low, estimate.high)]


def main() -> None:
    """Reads the labelled files and writes the figures, rates as [value, low, high] at 95 %."""
    directory = Path(sys.argv[1])
    detect = PhraseDetector()
    results: dict[str, Any] = {"detector": f"{detect.name} {detect.version}"}
    for name, use in FILES.items():
        with (directory / f"{name}.jsonl").open(encoding="utf-8") as file:
            rows = [r for r in map(json.loads, file) if r["label"] in CLASSES]
        results[name] = {"use": use, **agreement(rows, detect)}
        if name == "xstest_completions":
            safe = [r for r in rows if r["model"] == "gpt4" and r["prompt_type"] == "benign"]
            results["xstest_gpt4_safe_prompts"] = {"use": use, **agreement(safe, detect)}
    text = json.dumps(results, indent=1)
    print(text)
    (Path(__file__).parent / "accuracy.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
