"""Exchanges are told apart by a policy: by hand, against plain Python, and through an audit."""

import contextlib
import re
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.policy.recognise import recogniser, slow_patterns
from aligntax.records import EXCHANGE
from aligntax.tax.audit import Settings, audit
from aligntax.tax.judging import Judge
from aligntax.tax.prices import load_prices
from aligntax.traffic.read import Log
from aligntax.traffic.redaction import Redactor
from policy.policies import policy_of, read
from tax.conftest import SignalsAndPhrases
from tax.known_traffic import READ


def told(policy: object, *rows: dict[str, object]) -> list[str | None]:
    batch = pa.RecordBatch.from_pylist([{"kind": "text", **row} for row in rows], schema=EXCHANGE)
    return list(recogniser(policy)(batch).to_pylist())  # type: ignore[arg-type]


def test_names_are_compared_with_stars_whatever_the_case() -> None:
    """Only * and ? are special; what the log does not tell is the empty name."""
    policy = policy_of(
        dotted='match.use_case = ["a.[b]*"]', short='match.use_case = ["med?"]', rest='match.use_case = ["*"]'
    )
    names = ["A.[B]c\nd", "axb", "Meds", "med", " meds ", None, ""]
    assert told(policy, *({"use_case": name} for name in names)) == [
        "dotted",
        "rest",
        "short",
        "rest",
        "short",
        "rest",
        "rest",
    ]


def test_every_condition_must_hold_and_one_of_each_list() -> None:
    """All of them of one use case, and the first use case of several."""
    policy = policy_of(
        triage=r"""match.system = ["(?i)triage", "^nurse"]
match.prompt = ['\bdose\b', "mg$"]
match.model = ["north-*"]""",
        north='match.model = ["north-1"]',
    )
    row = {"system": "You do TRIAGE.", "prompt": "which dose?", "model_served": "north-1"}
    assert told(
        policy,
        row,
        row | {"system": "nurse"},
        row | {"system": "a nurse"},
        row | {"system": None},
        row | {"prompt": "doses"},
        row | {"prompt": "5 mg"},
        row | {"prompt": None, "model_requested": "north-1", "model_served": "south"},
        row | {"model_served": None, "model_requested": "north-2"},
        row | {"model_served": None},
    ) == ["triage", "triage", "north", "north", "north", "triage", "north", "triage", "other"]


def test_everything_else_is_kept_or_called_other() -> None:
    """As the policy says."""
    case = '[[use_case]]\nname = "a"\nmatch.use_case = ["a"]\n'
    rows = ({"use_case": "a"}, {"use_case": "b"}, {"use_case": None})
    assert told(read(case).policy, *rows) == ["a", "other", "other"]
    assert told(read('everything_else = "keep"\n' + case).policy, *rows) == ["a", "b", None]


def test_only_the_columns_needed_are_read() -> None:
    """A policy by names leaves the system prompts where they are."""
    assert recogniser(policy_of(a='match.use_case = ["a"]')).columns == ("use_case",)
    both = policy_of(a='match.system = ["a"]', b='match.model = ["b"]')
    assert recogniser(both).columns == ("system", "model_requested", "model_served")
    keep = read('everything_else = "keep"\n[[use_case]]\nname = "a"\nmatch.prompt = ["a"]').policy
    assert recogniser(keep).columns == ("prompt", "use_case")


def test_an_empty_batch_is_told() -> None:
    """No rows in, no rows out."""
    assert (
        told(policy_of(a='match.use_case = ["a"]\nmatch.prompt = ["x", "(?=y)"]\nmatch.system = ["z"]')) == []
    )


def test_what_one_engine_lacks_goes_through_the_other() -> None:
    """Look-around is found too, and said to be slow; the classes of both are about ASCII."""
    policy = policy_of(a=r"""match.prompt = ['(?<!no )dose', '\d{3}', '(?i)über']""")
    assert slow_patterns(policy) == ["(?<!no )dose"]
    prompts = ["a dose", "no dose", "123", "١٢٣", "ÜBER", None]
    assert told(policy, *({"prompt": one} for one in prompts)) == ["a", "other", "a", "other", "a", "other"]


ATOMS = st.sampled_from(["a", "b", ".", r"\d", r"\w", "[ab]", "[^a]", r"\.", "^", "$", r"\b", "(?:ab)", "x?"])
PATTERNS = st.lists(ATOMS, min_size=1, max_size=4).map("".join)


@given(st.lists(PATTERNS, min_size=1, max_size=4), st.lists(st.text("ab1. x", max_size=6), max_size=8))
def test_patterns_mean_what_python_says_they_mean(patterns: list[str], prompts: list[str]) -> None:
    """On ASCII text on one line the two engines agree, alone and joined."""
    lines = ", ".join(f"'{pattern}'" for pattern in patterns)
    policy = policy_of(a=f"match.prompt = [{lines}]")
    expected = ["a" if any(re.search(p, text) for p in patterns) else "other" for text in prompts]
    assert told(policy, *({"prompt": one} for one in prompts)) == expected


def test_a_hostile_text_takes_no_time() -> None:
    """A pattern that makes a backtracking engine hang is read in time that grows with the text."""
    policy = policy_of(a="match.prompt = ['(a+)+$']")
    begun = time.perf_counter()
    assert told(policy, {"prompt": "a" * 200_000 + "!"}) == ["other"]
    assert time.perf_counter() - begun < 5


def test_an_audit_judges_under_the_policys_use_cases(
    tmp_path: Path, detector: SignalsAndPhrases, example_log: Path
) -> None:
    """The log's own names give way; nothing else changes."""
    policy = policy_of(
        console="match.system = ['security operations']",
        second='match.model = ["north-2"]\nmatch.use_case = ["medical", "leg*"]',
    )
    with contextlib.closing(Log([str(example_log)])) as log:
        own, named = (
            audit(
                log,
                detector,
                tmp_path / name,
                prices=load_prices(),
                settings=Settings(),
                recognise=recognise,
            )
            for name, recognise in (("own.parquet", None), ("named.parquet", recogniser(policy)))
        )
    assert set(named.tally.keys[:, 0]) == {"console", "second", "other"}
    before, after = (pq.read_table(one.judged) for one in (own, named))
    assert before.drop(["use_case", "cluster", "cluster_group", "evidence"]).equals(
        after.drop(["use_case", "cluster", "cluster_group", "evidence"])
    )
    columns = (before[name].to_pylist() for name in ("use_case", "model", "model_requested"))
    expected = [
        "console"
        if use_case == "security"
        else "second"
        if "north-2" in models and use_case[0] in "ml"
        else "other"
        for use_case, *models in zip(*columns, strict=True)
    ]
    assert after["use_case"].to_pylist() == expected
    whole = [one for one in own.measurements if not one.slice and not one.component.startswith("bill")]
    assert whole == [
        one for one in named.measurements if not one.slice and not one.component.startswith("bill")
    ]


def test_names_of_the_policy_are_kept_and_others_redacted(detector: SignalsAndPhrases) -> None:
    """A budget finds its use case, whatever its name looks like; people in the log's own stay hidden."""
    policy = read(
        'everything_else = "keep"\n[[use_case]]\nname = "agent 10.2.3.4"\nmatch.use_case = ["agent*"]\n'
    ).policy
    rows = [{"kind": "text", "id": "x", "use_case": name} for name in ("agent 10.2.3.4", "ann@example.com")]
    judge = Judge(detector, Redactor(b"k" * 32), recognise=recogniser(policy))
    batch = pa.RecordBatch.from_pylist(rows, schema=READ)
    found = judge(batch).column("use_case").to_pylist()
    assert found[0] == "agent 10.2.3.4"
    assert found[1].startswith("[email:")


@pytest.fixture(scope="module")
def detector() -> SignalsAndPhrases:
    return SignalsAndPhrases()
