"""Scores every offline detector on every labelled set; writes results.json and docs/detectors.md.

    python benchmarks/detectors/measure.py                  # sets in ../shared/data/labelled
    python benchmarks/detectors/measure.py path/to/data     # in path/to/data/labelled
    python benchmarks/detectors/measure.py --page           # docs/detectors.md alone, from results.json

Files ordinary.json, cross_validation.json and leave_one_out.json beside this one become sections of the
page; page.py tells what they hold. The same detectors and sets give the same files: nothing depends on
time or order.
"""

import argparse
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from page import page
from sets import SETS, Measured

from aligntax.detectors import DEFAULT, DETECTORS
from aligntax.detectors.scoring import LabelWords, read_labelled, score
from aligntax.detectors.scoring.read import Fields
from aligntax.errors import AligntaxError
from aligntax.extension_points import Detector
from aligntax.report.scores import scores_document

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "detectors.md"
RESULTS = HERE / "results.json"
LEFT_OUT = {"signals": "it reads the provider's own fields, which no labelled set has"}
LEVEL = 0.95
_PLACES = 6
_SPACES = re.compile(r"\s+")
_KEPT = ("value", "low", "high", "n", "reason")


def detectors() -> list[Detector]:
    """The detectors to measure, the default one first; those that need what is not installed are skipped."""
    made = []
    for name in sorted(DETECTORS, key=lambda name: name != DEFAULT):
        try:
            if name not in LEFT_OUT:
                made.append(DETECTORS[name]())
        except AligntaxError as error:
            print(f"{name} is skipped: {error.message}")
    return made


def about(judge: Detector) -> dict[str, object]:
    """What a detector says of itself: its docstring up to the first section of arguments."""
    paragraphs = (inspect.getdoc(type(judge)) or "").split("\n\n")
    told = [" ".join(text.split()) for text in paragraphs if not text.startswith(("Args:", "Attributes:"))]
    return {"name": judge.name, "version": judge.version, "about": told}


def measured(entry: Measured, path: Path, judges: list[Detector]) -> dict[str, Any]:
    """The scores on one set; broken down for the default detector alone."""
    labelled = read_labelled(
        path / entry.file,
        fields=Fields(label=entry.label),
        words=LabelWords(entry.words),
        flags=entry.flags,
        by=entry.by,
    )
    scores = []
    for judge in judges:
        print(f"{judge.name} on {entry.name}")
        scores.append(score(judge, labelled, level=LEVEL))
    document = scores_document([(labelled, scores)], level=LEVEL)
    (contents,) = compact(document)["sets"]
    for found in contents["detectors"][1:]:
        found["by"] = {}
    described = {name: getattr(entry, name) for name in ("name", "file", "about", "use", "licence")}
    return {**contents, **described}


def compact(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """The same with estimates cut to what the page shows: value, interval, n and reason, to six places."""
    if isinstance(value, Mapping):
        if "method" in value:
            return {name: compact(value[name]) for name in _KEPT if value[name] != ""}
        return {name: compact(part) for name, part in value.items()}
    if isinstance(value, list):
        return [compact(part) for part in value]
    return round(value, _PLACES) if isinstance(value, float) else value


def lines(contents: object) -> str:
    """JSON with one estimate a line."""
    text = json.dumps(contents, indent=1, ensure_ascii=False)
    return re.sub(
        r"\{\s+(\"(?:value|complete)\": [^{}]*?)\s+\}", lambda m: f"{{{_SPACES.sub(' ', m[1])}}}", text
    )


def sections() -> list[dict[str, Any]]:
    """The sections that other programs wrote, in a fixed order."""
    found: list[dict[str, Any]] = []
    for name in ("ordinary.json", "cross_validation.json", "leave_one_out.json"):
        if (HERE / name).is_file():
            contents = json.loads((HERE / name).read_text("utf-8"))
            found += contents if isinstance(contents, list) else [contents]
    return found


def main() -> None:
    """Measures, or draws the page again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--page", action="store_true", help="draw the page again, measure nothing")
    options = parser.parse_args()
    if not options.page:
        labelled = options.data / "labelled"
        there = [entry for entry in SETS if (labelled / entry.file).is_file()]
        if not there:
            raise SystemExit(f"no labelled set in {labelled}; nothing is written")
        judges = detectors()
        results = {
            "schema": "aligntax.benchmark.detectors/1",
            "level": LEVEL,
            "default": DEFAULT,
            "detectors": [about(judge) for judge in judges],
            "left_out": LEFT_OUT,
            "sets": [measured(entry, labelled, judges) for entry in there],
        }
        RESULTS.write_text(lines(results) + "\n", "utf-8")
    PAGE.write_text(page(json.loads(RESULTS.read_text("utf-8")), sections()), "utf-8")


if __name__ == "__main__":
    main()
