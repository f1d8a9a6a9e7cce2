"""How fast detectors read, in megabytes of prompt and response a CPU second; writes speed.json.

python benchmarks/detectors/speed.py [path/to/data]

Every figure is the best of five runs over whole batches, Arrow in and Arrow out, on one thread. The ratio
to the phrases is of the same runs, so that it holds where the machine's speed does not.
"""

import argparse
import json
import time
from pathlib import Path

import pyarrow as pa

from aligntax.detectors import DETECTORS
from aligntax.extension_points import Detector
from aligntax.records import EXCHANGE

HERE = Path(__file__).parent
TEXTS = {
    "answers to real users": "traffic/arena_hard_real_user_prompts.jsonl",
    "answers to risky prompts": "labelled/do_not_answer.jsonl",
}
NAMES = ("phrases", "classifier", "cascade")
RUNS = 5


def exchanges(path: Path) -> pa.RecordBatch:
    """The prompts and responses of a file, twice, as one batch."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file] * 2
    columns = {
        "id": pa.array([str(at) for at in range(len(rows))]),
        "prompt": pa.array([row["prompt"] for row in rows], pa.string()),
        "response": pa.array([row["response"] or "" for row in rows], pa.string()),
        "kind": pa.array(["text"] * len(rows)),
    }
    arrays = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in EXCHANGE]
    return pa.RecordBatch.from_arrays(arrays, schema=EXCHANGE)


def seconds(detector: Detector, batch: pa.RecordBatch) -> float:
    """CPU seconds of one run."""
    begun = time.process_time()
    detector(batch)
    return time.process_time() - begun


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    data = parser.parse_args().data
    pa.set_cpu_count(1)
    made = {name: DETECTORS[name]() for name in NAMES}
    results = {}
    for title, name in TEXTS.items():
        batch = exchanges(data / name)
        size = sum(batch.column(column).get_total_buffer_size() for column in ("prompt", "response")) / 1e6
        for detector in made.values():
            detector(batch)
        best = {key: min(seconds(one, batch) for _ in range(RUNS)) for key, one in made.items()}
        results[title] = {
            "megabytes": round(size, 1),
            "megabytes a second": {key: round(size / took, 1) for key, took in best.items()},
            "times phrases": {key: round(took / best["phrases"], 2) for key, took in best.items()},
        }
        print(title, results[title])
    (HERE / "speed.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
