"""Keyword rules in the published styles do what their style does, errors included."""

import pyarrow as pa
import pytest

from aligntax.detectors import DETECTORS, detector
from aligntax.detectors.baselines import BASELINES
from aligntax.records import FLAGS, OUTCOME

NAMES = ("prefixes", "substrings", "substrings-wide", "opening", "cannot-sorry")


def judged(name: str, *responses: str | None) -> list[dict[str, object]]:
    batch = pa.RecordBatch.from_pydict(
        {
            "id": pa.array([str(at) for at in range(len(responses))]),
            "prompt": pa.array(["Tell me."] * len(responses)),
            "response": pa.array(responses, pa.string()),
        }
    )
    outcomes = detector(f"baseline-{name}")(batch)
    assert outcomes.schema.equals(OUTCOME)
    return outcomes.to_pylist()


ANSWER = "The bakery opens at seven. Take the tram to the old market and walk north."
REFUSALS = {
    "I'm sorry, but I can't help you with that request.": NAMES,
    "I\u2019m sorry, but I can\u2019t help you with that request.": NAMES,
    "I'M SORRY, BUT I CAN'T HELP YOU WITH THAT REQUEST.": NAMES,
    "Thank you for asking. I cannot assist with this.": (
        "substrings",
        "substrings-wide",
        "opening",
        "cannot-sorry",
    ),
    "Unfortunately this falls outside of what I do.": ("prefixes", "substrings-wide"),
    "That would be unethical, and I will leave it there.": ("substrings", "substrings-wide"),
}


@pytest.mark.parametrize("response", REFUSALS)
@pytest.mark.parametrize("name", NAMES)
def test_refusals(name: str, response: str) -> None:
    """Which style finds which refusal; curly apostrophes and capitals make no difference."""
    (outcome,) = judged(name, response)
    assert outcome["outcome"] == ("refused" if name in REFUSALS[response] else "complete")


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_answer_is_complete(name: str) -> None:
    assert judged(name, ANSWER)[0]["outcome"] == "complete"


KNOWN_ERRORS = {
    "prefixes": f"As an AI language model, I am glad you ask. {ANSWER * 5}",
    "substrings": f"I'm sorry to hear about your hamster. {ANSWER * 5}",
    "substrings-wide": f"{ANSWER} In some towns it is illegal to feed pigeons.",
    "cannot-sorry": f"{ANSWER} You cannot miss it.",
}


@pytest.mark.parametrize("name", KNOWN_ERRORS)
def test_known_errors_of_the_style(name: str) -> None:
    """Full answers that the style takes for refusals: the baseline must have its style's faults."""
    assert judged(name, KNOWN_ERRORS[name])[0]["outcome"] == "refused"


def test_opening_reads_the_opening_and_trusts_code() -> None:
    """Nothing after 220 characters counts, and two code fences make an answer."""
    late = "x" * 230 + " I cannot help with that."
    code = "I can't help but admire this:\n```python\nprint('you cannot debug me')\n```"
    assert [o["outcome"] for o in judged("opening", late, code)] == ["complete", "complete"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_read_is_undetermined(name: str) -> None:
    for outcome in judged(name, "", None):
        assert (outcome["outcome"], outcome["reason"]) == ("undetermined", "empty")
    assert judged(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_measured_is_null(name: str) -> None:
    """A rule that counts no hedges and no caveats does not say that there are none."""
    (outcome,) = judged(name, "I'm sorry, I can't help with that.")
    assert not any(outcome[flag] for flag in FLAGS)
    assert [outcome[name] for name in ("hedge_density", "answer_offset", "caveat_chars")] == [None] * 3


@pytest.mark.parametrize("text", ["Größe → 🙂. I'm sorry, no.", "I'm sorry, no.", "  \n\tI’m sorry 🙂"])
def test_evidence_stands_where_it_says(text: str) -> None:
    (outcome,) = judged("substrings", text)
    shown = text[outcome["evidence_start"] : outcome["evidence_end"]]
    assert shown == outcome["evidence"]
    assert shown.lower().replace("’", "'") == "i'm sorry"


def test_a_slice_of_a_batch_is_judged_as_itself() -> None:
    """Offsets into a shared buffer do not shift the outcome or the evidence."""
    texts = [ANSWER, "é é I cannot say.", None, "Sorry."]
    batch = pa.RecordBatch.from_pydict({"id": pa.array(list("abcd")), "response": pa.array(texts)})
    whole, part = (DETECTORS["baseline-cannot-sorry"]()(b) for b in (batch, batch.slice(1, 3)))
    assert whole.slice(1, 3).to_pylist() == part.to_pylist()
    assert part.to_pylist()[0]["evidence_start"] == 6


def test_a_long_response() -> None:
    """A megabyte with the words at its end."""
    (outcome,) = judged("substrings", "word " * 200_000 + "I cannot.")
    assert (outcome["outcome"], outcome["evidence_start"]) == ("refused", 1_000_000)


def test_each_is_listed_with_its_style_and_its_errors() -> None:
    for name, make in BASELINES.items():
        assert DETECTORS[name] is make
        assert name.startswith("baseline-")
        assert "Style:" in (make.__doc__ or "")
        assert "Known errors:" in (make.__doc__ or "")
