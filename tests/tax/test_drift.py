"""Drift as a ratio of sums with its interval, and what it is called."""

import math
from pathlib import Path

import numpy as np
import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import Estimate
from aligntax.tax.best_of_n import best_of_n
from aligntax.tax.drift import (
    Bucket,
    TextDrift,
    TextKind,
    buckets,
    by_group,
    by_position,
    cross_entropy_drift,
    estimand,
    per_sequence,
    per_token,
)
from aligntax.tax.prompts import read_documents, read_prompts


def _drift(text: TextKind = "reference_samples", **changes: object) -> TextDrift:
    """Three responses to two prompts: 2, 1 and 3 tokens."""
    fields = {
        "forward": np.array([0.1, 0.2, 0.4, 0.3, 0.1, 0.1]),
        "reverse": np.array([0.2, 0.2, 0.2, 0.4, 0.4, 0.4]),
        "reference_loss": np.array([1.0, 2, 3, 4, 5, 6]),
        "model_loss": np.array([1.5, 2, 3, 4.5, 5, 6]),
        "sequence": np.array([0, 0, 1, 2, 2, 2]),
        "position": np.array([1, 2, 1, 1, 2, 3]),
        "cluster": np.array([0, 0, 1]),
        "group": ["calm", "calm", "tense"],
    }
    return TextDrift(text=text, **(fields | changes))  # type: ignore[arg-type]


def test_per_token_is_a_ratio_of_sums_by_hand() -> None:
    """0.7 of one prompt's three tokens and 0.5 of the other's: 1.2 nats over 6 tokens, 2 clusters."""
    found = per_token(_drift(), "forward")
    assert (found.value, found.n, found.clusters, found.unit) == (pytest.approx(0.2), 6, 2, "nats")
    assert found.low < 0.2 < found.high


def test_per_sequence_is_the_mean_of_sums() -> None:
    """0.3, 0.4 and 0.5 nats a response."""
    found = per_sequence(_drift(), "forward")
    assert (found.value, found.n) == (pytest.approx(0.4), 3)


@pytest.mark.parametrize(
    ("text", "direction", "known"),
    [
        ("reference_samples", "forward", True),
        ("reference_samples", "reverse", False),
        ("model_samples", "forward", False),
        ("model_samples", "reverse", True),
        ("fixed", "forward", False),
        ("fixed", "reverse", False),
        ("general", "forward", False),
    ],
)
def test_kl_of_responses_needs_text_of_the_first_model(text: TextKind, direction: str, known: bool) -> None:
    """Anywhere else it is unknown, and the words say what the mean over tokens is."""
    found = per_sequence(_drift(text), direction)  # type: ignore[arg-type]
    words = estimand(text, direction)  # type: ignore[arg-type]
    assert found.known == known
    assert ("unbiased" in words) == known
    assert ("no KL of responses" in words) != known
    assert known or "not drawn from" in found.reason


def test_positions_double() -> None:
    assert buckets(0) == []
    assert buckets(1) == [Bucket(1, 1)]
    assert buckets(9) == [Bucket(1, 1), Bucket(2, 3), Bucket(4, 7), Bucket(8, 15)]


def test_by_position_by_hand() -> None:
    """First tokens 0.1, 0.4 and 0.3; second and third 0.2, 0.1 and 0.1."""
    (first, one), (second, two) = by_position(_drift(), "forward")
    assert (first, second) == (Bucket(1, 1), Bucket(2, 3))
    assert (one.value, two.value) == (pytest.approx(0.8 / 3), pytest.approx(0.4 / 3))
    assert (one.n, two.n) == (3, 3)


def test_by_group_by_hand() -> None:
    """One prompt a group: the value is known, but not how far another prompt would lie."""
    groups = dict(by_group(_drift(), "reverse"))
    assert list(groups) == ["calm", "tense"]
    assert "single cluster" in groups["calm"].reason
    many = _drift(cluster=np.array([0, 1, 2]), group=["calm", "calm", "tense"])
    assert dict(by_group(many, "reverse"))["calm"].value == pytest.approx(0.2)
    assert by_group(_drift(group=["", "", ""]), "forward") == []


def test_cross_entropy_drift_is_paired_by_document() -> None:
    """Losses differ a lot between documents, changes hardly: the change is known better than either loss."""
    generator = np.random.default_rng(0)
    documents = np.repeat(np.arange(30), 20)
    loss = generator.gamma(3, 1, 30)[documents] + generator.normal(0, 0.1, 600)
    changed = loss + 0.05 + generator.normal(0, 0.02, 30)[documents]
    drift = _drift(
        "general",
        forward=np.zeros(600),
        reverse=np.zeros(600),
        reference_loss=loss,
        model_loss=changed,
        sequence=documents,
        position=np.tile(np.arange(1, 21), 30),
        cluster=np.arange(30),
        group=[""] * 30,
    )
    found = cross_entropy_drift(drift)
    assert found["difference"].value == pytest.approx(float((changed - loss).mean()))
    assert found["difference"].low < 0.05 < found["difference"].high
    assert _width(found["difference"]) < _width(found["model"]) / 20
    assert found["difference"].clusters == 30


def _width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


def test_identical_models_are_at_0() -> None:
    """0 with an interval that begins there; its end cannot be known."""
    found = per_token(_drift(forward=np.zeros(6)), "forward")
    assert (found.value, found.low) == (0.0, 0.0)
    assert math.isnan(found.high)


def _best_of_n_kl(outcomes: int, n: int) -> float:
    """KL of the best of n against one draw, exactly, for equally likely outcomes with distinct rewards."""
    ranks = np.arange(1, outcomes + 1)
    best = (ranks / outcomes) ** n - ((ranks - 1) / outcomes) ** n
    best = best[best > 0]
    return float((best * np.log(best * outcomes)).sum())


@pytest.mark.parametrize(
    ("outcomes", "n", "true", "bound"),
    [(2, 16, 0.693, 1.835), (1000, 256, 4.546, 4.549), (1, 16, 0.0, 1.835)],
)
def test_best_of_n_is_a_bound(outcomes: int, n: int, true: float, bound: float) -> None:
    """Far above the truth where responses tie, close to it where they hardly do."""
    assert _best_of_n_kl(outcomes, n) == pytest.approx(true, abs=5e-4)
    assert best_of_n(n).most_kl == pytest.approx(bound, abs=5e-4)
    assert _best_of_n_kl(outcomes, n) <= best_of_n(n).most_kl


def test_best_of_n_wins() -> None:
    """The best of n beats a fresh draw in n of n + 1 cases where nothing ties: by simulation."""
    draws = np.random.default_rng(0).random((200_000, 5))
    assert best_of_n(4).most_wins == 0.8
    assert (draws[:, :4].max(1) > draws[:, 4]).mean() == pytest.approx(0.8, abs=0.004)
    assert (best_of_n(1).most_kl, best_of_n(1).most_wins) == (0.0, 0.5)
    with pytest.raises(UsageError):
        best_of_n(0)


def test_prompts_from_json_lines(tmp_path: Path) -> None:
    """Response, type and id where there are any; rows of one id are one prompt."""
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '{"prompt": "a", "response": "x", "prompt_type": "harmful", "id": 7}\n\n'
        '{"prompt": "b", "kind": "benign"}\n'
    )
    first, second = read_prompts(path)
    assert (first.text, first.response, first.group, first.cluster) == ("a", "x", "harmful", "7")
    assert (second.response, second.group, second.cluster) == (None, "", "b")
    assert second.place.endswith(":3")
    assert read_prompts(path, group="kind")[1].group == "benign"


def test_prompts_and_documents_from_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("one\ntwo\n\n\nthree\n")
    assert [prompt.text for prompt in read_prompts(path)] == ["one", "two", "three"]
    assert read_documents(path) == ["one\ntwo", "three"]
    (tmp_path / "text.jsonl").write_text('{"text": "one\\n\\ntwo"}\n{"text": " "}\n')
    assert read_documents(tmp_path / "text.jsonl") == ["one\n\ntwo"]


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("a.jsonl", '{"prompt": "a"}\n{"question": "b"}\n', r"a\.jsonl:2: no `prompt`"),
        ("a.jsonl", '{"prompt": "a", "response": 3}\n', r"a\.jsonl:1: `response` is no text"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1: not a JSON object"),
        ("a.jsonl", "{\n", r"a\.jsonl:1: not valid JSON"),
        ("a.txt", "\n \n", "no prompts"),
        ("b.txt", "", "no prompts"),
    ],
)
def test_prompts_that_cannot_be_read(tmp_path: Path, name: str, text: str, cause: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnreadableInput, match=cause):
        read_prompts(tmp_path / name)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no such file"):
        read_prompts(tmp_path / "a.txt")
    with pytest.raises(UnreadableInput, match="no such file"):
        read_documents(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_text('{"prompt": "a"}\n')
    with pytest.raises(UnreadableInput, match=r"b\.jsonl:1: no `text`"):
        read_documents(tmp_path / "b.jsonl")
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableInput, match="not UTF-8"):
        read_documents(tmp_path / "c.txt")
