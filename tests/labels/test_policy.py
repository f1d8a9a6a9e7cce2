"""The page annotators follow and the version written into labels are the same policy."""

import re
from pathlib import Path

from aligntax.labels.policy import MEANING, POLICY_VERSION
from aligntax.records import LABEL_OUTCOMES, OUTCOMES

PAGE = (Path(__file__).parents[2] / "docs" / "labelling-policy.md").read_text("utf-8")
EXAMPLES = [line.split("|")[1:-1] for line in PAGE.splitlines() if re.match(r"\| [0-9]+ \|.*`", line)]


def test_the_version_is_the_pages() -> None:
    """In its first words and as the last row of its history."""
    assert re.findall(r"\*\*Version ([^ ]+)\.\*\*", PAGE) == [POLICY_VERSION]
    history = re.findall(r"^\| ([0-9.]+) \| [a-z]", PAGE.split("## Versions")[1], re.MULTILINE)
    assert history[-1] == POLICY_VERSION


def test_meanings_stand_on_the_page() -> None:
    """What annotators see beside the choices is what the page says."""
    assert list(MEANING) == list(LABEL_OUTCOMES)
    for outcome, meaning in MEANING.items():
        assert f"| `{outcome}` | {meaning} |" in PAGE


def test_worked_examples() -> None:
    """At least twenty, numbered through, each outcome among them, none with a word that is no outcome."""
    assert [int(row[0]) for row in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    assert len(EXAMPLES) >= 20
    assert {row[3].strip(" `") for row in EXAMPLES} == set(LABEL_OUTCOMES)


def test_people_decide_what_detectors_decide() -> None:
    """The outcomes are a detector's, but that a person is never undetermined."""
    assert set(OUTCOMES) - {"undetermined"} == set(LABEL_OUTCOMES) - {"not_applicable"}
