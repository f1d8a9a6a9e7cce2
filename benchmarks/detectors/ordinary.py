"""What detectors say of ordinary instructions, where nearly every answer is complete; writes ordinary.json.

python benchmarks/detectors/ordinary.py [path/to/data]

The labelled sets are full of refusals. Traffic is not: there a detector that takes one plain answer in twenty
for a refusal multiplies the rate. So this audits answers of ten systems to 805 everyday instructions, and
corrects the rates by the labels in ordinary_labels.jsonl, which hold ids and outcomes and no text.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LABELS = HERE / "ordinary_labels.jsonl"
DETECTORS = ("phrases", "cascade", "baseline-prefixes", "baseline-substrings", "baseline-cannot-sorry")
COMPONENT = "completion_tax"


def write_log(answers: Path, log: Path) -> None:
    """The answers as a log of exchanges."""
    with answers.open(encoding="utf-8") as rows, log.open("w", encoding="utf-8") as out:
        for row in map(json.loads, rows):
            entry = {key: row[key] for key in ("prompt", "response", "model")}
            out.write(json.dumps({"id": f"{row['id']}/{row['model']}", **entry}) + "\n")


def audited(log: Path, detector: str, out: Path) -> list[dict[str, Any]]:
    """The measurements of an audit."""
    command = [
        sys.executable,
        "-m",
        "aligntax",
        "audit",
        str(log),
        "--detector",
        detector,
        "--out",
        str(out),
        "--quiet",
        "--keep-text",
    ]
    # the baselines are shown as they are: labels were drawn by the verdicts of the default detector
    command += ["--labels", str(LABELS)] if LABELS.exists() and not detector.startswith("baseline") else []
    subprocess.run(command, check=True, capture_output=True)
    bill = json.loads((out / "bill.json").read_text("utf-8"))
    measured = bill["measurements"] + (bill["correction"] or {"measurements": []})["measurements"]
    return [one for one in measured if one["component"] == COMPONENT]


def shown(measured: list[dict[str, Any]], correction: str) -> str:
    """A rate of all answers with its interval, or nothing."""
    for one in measured:
        if one["correction"] == correction and not one["slice"] and one["value"] is not None:
            return f"{one['value']:.1%} ({one['low']:.1%} to {one['high']:.1%})"
    return ""


def main() -> None:
    """Audits and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    answers = parser.parse_args().data / "paired" / "alpaca_eval_outputs.jsonl"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write_log(answers, log)
        for detector in DETECTORS:
            measured = audited(log, detector, Path(folder) / detector)
            rows.append(
                {
                    "detector": detector,
                    "as it stands": shown(measured, "raw"),
                    "by labels alone": shown(measured, "labels"),
                    "corrected by labels": shown(measured, "powered"),
                }
            )
            print(rows[-1])
    contents = {
        "title": "Ordinary instructions",
        "caption": (
            "Share of answers called refused or hedged, ability limits left out: ten systems of 2023 and "
            "2024 on the same 805 everyday instructions (AlpacaEval). Nobody has labelled these. The 240 "
            "labels that correct the rates were given by a language model under the labelling policy, blind "
            "to system and detector, and checked by no person; empty where a detector was not corrected."
        ),
        "rows": rows,
    }
    (HERE / "ordinary.json").write_text(json.dumps(contents, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
