"""A log's own requests replayed: who is drawn, and that what comes of it speaks for all of the log."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.tax.pairs.preferred import pairs_to_judge, preferred
from aligntax.tax.quality.pairwise import decide, pair_questions
from aligntax.tax.replay.drawn import Drawn, draw_requests, load_drawn, save_drawn
from aligntax.tax.replay.logged import against_log
from aligntax.tax.replay.measured import Replayed, compare_replayed, weighted_between
from aligntax.tax.replay.strata import GUESSED_CHANGE, OTHERS, stratify
from aligntax.traffic.read import Log
from aligntax.traffic.redaction import Redactor
from planted import Behaviour, World
from tax.compared_worlds import PHRASES, A, B, asked, lead, matched, settings, world

CASES = ("support", "legal", "medical")


def write_log(path: Path, one: World, n: int = 600, **more: object) -> list[str]:
    """Traffic that the first model answered, another draw of it; its prompts."""
    prompts = one.benign(n, clusters=n // 3, words=("kill", "stop", "list"))
    with path.open("w") as file:
        for at, prompt in enumerate(prompts):
            reply = one.answer("a", [("system", "Be brief."), ("user", prompt.text)], 9)
            row = {
                "id": f"r{at}",
                "system": "Be brief.",
                "prompt": prompt.text,
                "response": reply.text,
                "model": "a-2026-01-01" if at % 4 else "z",
                "use_case": CASES[min(at % 7, 2)],
                "user": prompt.cluster,
                **more,
            }
            file.write(json.dumps(row) + "\n")
    return [prompt.text for prompt in prompts]


def drawn_from(path: Path, size: int, seed: int = 0, redactor: Redactor | None = None) -> Drawn:
    log = Log([str(path)], threads=1)
    try:
        return draw_requests(log, PHRASES, size, seed=seed, redactor=redactor)[0]
    finally:
        log.close()


def replayed(one: World, drawn: Drawn, folder: Path) -> Replayed:
    return compare_replayed(matched(asked(one, drawn.questions), folder), drawn, settings())


def test_refusals_are_drawn_more_often_than_their_share(tmp_path: Path) -> None:
    """Strata add up to the log, every one is drawn from, and the same seed draws the same again."""
    write_log(tmp_path / "log.jsonl", world(1))
    found = drawn_from(tmp_path / "log.jsonl", 120)
    assert found.population == 600 == sum(one.size for one in found.strata)
    assert len(found.rows) == 120 == sum(one.drawn for one in found.strata)
    assert all(one.drawn >= min(2, one.size) for one in found.strata)
    refused = [one for one in found.strata if one.outcome == "refused"]
    assert sum(o.drawn for o in refused) / 120 > 1.3 * sum(o.size for o in refused) / 600
    assert drawn_from(tmp_path / "log.jsonl", 120).rows == found.rows
    assert drawn_from(tmp_path / "log.jsonl", 120, seed=1).rows != found.rows
    assert all(one.system == "Be brief." for one in found.questions)
    whole = drawn_from(tmp_path / "log.jsonl", 10_000)
    assert len(whole.rows) == 600


def test_use_cases_too_small_are_put_together() -> None:
    names = ["big"] * 900 + [f"small{at}" for at in range(60)] + ["big"] * 40
    outcomes = ["complete"] * 960 + ["refused"] * 40
    strata, codes = stratify(names, outcomes, 100)
    assert Counter(one.use_case for one in strata) == {"big": 2, OTHERS: 1}
    (pooled,) = (one for one in strata if one.use_case == OTHERS)
    assert (pooled.size, pooled.pooled) == (60, 60)
    assert sum(one.drawn for one in strata) == 100
    assert Counter(codes.tolist()) == {at: one.size for at, one in enumerate(strata)}
    assert set(GUESSED_CHANGE) == {"complete", "hedged", "refused", "undetermined"}
    with pytest.raises(UsageError, match="--sample 3 does not reach"):
        stratify(names, outcomes, 3)


def test_what_is_worded_alike_is_asked_once_and_depends_on_each_other(tmp_path: Path) -> None:
    """Two users with one prompt are one cluster; without a user every wording is its own."""
    rows = [("u1", "How?"), ("u2", "How?"), ("u2", "Why?"), (None, "When?"), (None, "Where?")]
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(
            json.dumps({"id": str(at), "prompt": text, "response": "So.", "model": "m", "user": user}) + "\n"
            for at, (user, text) in enumerate(rows)
        )
    )
    found = drawn_from(path, 100)
    assert [one.prompt for one in found.questions] == ["How?", "Why?", "When?", "Where?"]
    clusters = [row.cluster for row in found.rows]
    assert clusters[0] == clusters[1] == clusters[2]
    assert len(set(clusters)) == 3


def test_personal_data_is_neither_asked_nor_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    row = {"prompt": "Write to ann@example.com", "response": "Sure.", "model": "m", "user": "ann@example.com"}
    path.write_text("".join(json.dumps({"id": f"ann{at}@example.com", **row}) + "\n" for at in range(4)))
    found = drawn_from(path, 4, redactor=Redactor())
    save_drawn(found, tmp_path / "kept.jsonl")
    assert found.redacted
    assert "[email:" in found.questions[0].prompt
    assert "example.com" not in (tmp_path / "kept.jsonl").read_text()
    assert "example.com" in drawn_from(path, 4).questions[0].prompt


def test_a_sample_is_taken_up_again_or_refused(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", world(2), 60)
    log = Log([str(tmp_path / "log.jsonl")], threads=1)
    found, _ = draw_requests(log, PHRASES, 30, identity={"seed": 0, "log": ("x", 1)})
    log.close()
    save_drawn(found, tmp_path / "kept.jsonl")
    again = load_drawn(tmp_path / "kept.jsonl", {"seed": 0, "log": ("x", 1)})
    assert (again.rows, again.questions, again.strata) == (found.rows, found.questions, found.strata)
    with pytest.raises(UsageError, match=r"drawn otherwise \(seed\)"):
        load_drawn(tmp_path / "kept.jsonl", {"seed": 1, "log": ("x", 1)})
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UnreadableInput, match="not a sample"):
        load_drawn(tmp_path / "other.jsonl", {})


def test_what_cannot_be_asked_again_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows = [
        {"prompt": "How?", "response": "So."},
        {"prompt": "How so?", "response": "So."},
        {"prompt": " ", "response": "So."},
        {"prompt": "Why?", "response": None},
    ]
    path.write_text("".join(json.dumps({"id": str(at), **row}) + "\n" for at, row in enumerate(rows)))
    found = drawn_from(path, 10)
    assert found.population == 2
    assert found.left_out == {"without a prompt": 1}  # what has no answer is no record of this format


def test_against_what_the_log_recorded(tmp_path: Path) -> None:
    """A answered three quarters of the log, under a dated name, and is no different now; B never did."""
    one = world(3)
    write_log(tmp_path / "log.jsonl", one)
    drawn = drawn_from(tmp_path / "log.jsonl", 150)
    found = replayed(one, drawn, tmp_path)
    told = against_log(found, drawn, 0, "x/a", settings())
    assert told.share == pytest.approx(0.75, abs=0.1)
    gap = told.rates["refused"].difference
    assert gap.low <= 0 <= gap.high
    logged = told.rates["refused"].first
    real = np.mean([row.outcome == "refused" for row in drawn_from(tmp_path / "log.jsonl", 600).rows])
    assert logged.low <= real <= logged.high
    other = against_log(found, drawn, 1, "x/b", settings())
    assert (other.rows, other.why_not) == (0, "the log was answered by a-2026-01-01, z")


def test_failed_answers_widen_a_replay(tmp_path: Path) -> None:
    one = world(4)
    write_log(tmp_path / "log.jsonl", one)
    drawn = drawn_from(tmp_path / "log.jsonl", 120)
    lost = {"b": dict.fromkeys(range(0, len(drawn.questions), 10), "error")}
    whole = replayed(one, drawn, tmp_path).compared.completion
    met = matched(asked(one, drawn.questions, lost=lost), tmp_path)
    partial = compare_replayed(met, drawn, settings()).compared.completion
    assert whole is not None
    assert partial is not None
    assert partial.missing == (0, len(lost["b"]))
    gaps = [found.rates["refused"].difference for found in (whole, partial)]
    assert gaps[1].low < gaps[0].low
    assert gaps[1].high > gaps[0].high
    assert "at their least and most" in gaps[1].method


@pytest.mark.slow
def test_weighted_figures_cover_the_whole_log_though_refusals_are_drawn_more_often(tmp_path: Path) -> None:
    """Over 200 logs: refusals of A and B, their difference, quality and length; unweighted is far off."""
    hits, runs, raw = Counter[str](), 200, []
    first = Behaviour(refusal=-2.2, words={"kill": 1.5}, prompt_sd=1.0, cluster_sd=0.5, length=4.5)
    second = Behaviour(
        refusal=-1.2, words={"kill": 1.5}, prompt_sd=1.0, cluster_sd=0.5, length=4.7, quality=0.25
    )
    for seed in range(runs):
        one = world(seed, first, second)
        prompts = write_log(tmp_path / "log.jsonl", one)
        rates = [np.mean([one.refusal(name, text) for text in prompts]) for name in "ab"]
        truth = {
            "a": rates[0],
            "b": rates[1],
            "gap": rates[1] - rates[0],
            "length": 0.2,
            "quality": lead(0.25),
        }
        drawn = drawn_from(tmp_path / "log.jsonl", 120, seed)
        met = matched(asked(one, drawn.questions), tmp_path)
        found = compare_replayed(met, drawn, settings())
        assert found.compared.completion is not None
        assert found.compared.verbosity is not None
        assert found.outcomes is not None
        rate = found.compared.completion.rates["refused"]
        pairs = pairs_to_judge(met, settings())
        votes = decide(pairs, one.replies("judge", pair_questions(pairs)))
        vote = preferred("j", votes, settings(), weighted_between(found, drawn, settings()))
        told = {
            "a": rate.first,
            "b": rate.second,
            "gap": rate.difference,
            "length": found.compared.verbosity,
            "quality": vote.lead.difference,
        }
        for name, estimate in told.items():
            hits[name] += estimate.low <= truth[name] <= estimate.high
        raw.append((found.outcomes[0].names == "refused").mean() - rates[0])
    assert np.mean(raw) > 0.02  # what the sample says of A, if nobody weights it
    assert all(hits[name] / runs >= 0.93 for name in truth), hits
    assert (A.refusal, B.refusal) != (first.refusal, second.refusal)
