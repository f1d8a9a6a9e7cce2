"""A policy proposed from traffic: today's traffic meets it, and it says where every figure is from."""

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from aligntax.policy.model import Policy
from aligntax.policy.propose import EVERYTHING, limit_above, propose
from aligntax.policy.propose_text import proposed_text, toml_text
from aligntax.policy.read import LoadedPolicy, read_policy
from aligntax.policy.recognise import recogniser
from aligntax.records import Estimate
from aligntax.stats import wilson
from aligntax.tax.audit import Audit
from policy.judged import audit_of, outcome
from policy.policies import EXAMPLE

TODAY = dt.date(2026, 11, 22)
START = dt.datetime(2026, 9, 1)


def proposed(audited: Audit) -> LoadedPolicy:
    return read_policy(proposed_text(propose(audited), service="desk", sources="log", written=TODAY))


def traffic(use_case: str | None, refused: int, complete: int, **columns: object) -> list[dict[str, object]]:
    return [
        *(outcome("refused", use_case=use_case, **columns) for _ in range(refused)),  # type: ignore[arg-type]
        *(outcome("complete", use_case=use_case, **columns) for _ in range(complete)),  # type: ignore[arg-type]
    ]


def limits(loaded: LoadedPolicy) -> dict[tuple[str, str], float]:
    return {
        (case.name, budget.component): budget.limit
        for case in loaded.policy.use_case
        for budget in case.budget
    }


def test_a_limit_is_the_upper_end_of_todays_interval_rounded_up(tmp_path: Path) -> None:
    """By use case, the largest first, with the figure beside it."""
    loaded = proposed(audit_of(traffic("sales", 10, 190) + traffic("legal", 30, 370), tmp_path / "o"))
    assert [case.name for case in loaded.policy.use_case] == ["legal", "sales"]
    found = limits(loaded)
    assert wilson(30, 400, level=0.95).high == pytest.approx(0.105, abs=5e-4)
    assert found["legal", "refused"] == 0.11
    assert wilson(10, 200, level=0.95).high == pytest.approx(0.0896, abs=5e-4)
    assert found["sales", "refused"] == 0.09
    assert found["sales", "undetermined"] == 0.019
    assert "limit = 0.11  # today 7.5%, 95% interval 5.3% to 10.5%, n = 400" in loaded.text


@given(st.floats(0, 1), st.integers(1, 100_000))
def test_a_limit_never_lies_below_the_interval(share: float, n: int) -> None:
    """Nor so far above that it allows what is not there."""
    today = wilson(round(share * n), n, level=0.95)
    limit = limit_above(today)
    assert today.high <= limit + 1e-9
    assert limit <= today.high + 0.01
    assert float(f"{limit:g}") == limit


def test_where_a_profession_expects_a_disclaimer_it_is_no_tax(tmp_path: Path) -> None:
    """The rest is taxed until somebody says otherwise."""
    names = ["Medical triage", "tax_advice", "syntax", "lawn care", "FINANCE", "general"]
    rows = [row for name in names for row in traffic(name, 1, 5)]
    loaded = proposed(audit_of(rows, tmp_path / "o"))
    neutral = {case.name for case in loaded.policy.use_case if case.counts.disclaimer == "neutral"}
    assert neutral == {"Medical triage", "tax_advice", "FINANCE"}
    assert {case.counts.referral for case in loaded.policy.use_case} == {"tax"}


def test_a_log_without_use_cases_gets_one_for_everything(tmp_path: Path) -> None:
    """And the file says so."""
    audited = audit_of(traffic(None, 5, 50), tmp_path / "o")
    loaded = proposed(audited)
    [case] = loaded.policy.use_case
    assert (case.name, case.match.use_case) == (EVERYTHING, ("*",))
    assert "The log tells no use cases" in loaded.text
    assert "The log tells no use cases" not in proposed(audit_of(traffic("a", 1, 9), tmp_path / "p")).text


def test_what_has_no_name_of_its_own_comes_last_and_together(tmp_path: Path) -> None:
    """Nameless exchanges, the small ones of very many use cases, and names that were redacted."""
    rows = [row for n in range(30) for row in traffic(f"u{n:02}", 1, 40 - n)]
    rows += traffic(None, 2, 3) + traffic("mail of [email:3fa9c1]", 1, 60) + traffic("x" * 300, 0, 60)
    loaded = proposed(audit_of(rows, tmp_path / "o"))
    names = [case.name for case in loaded.policy.use_case]
    assert names == [*(f"u{n:02}" for n in range(20)), "other"]
    assert loaded.policy.use_case[-1].match.use_case == ("*",)
    assert f"{sum(41 - n for n in range(20, 30)) + 5 + 61 + 60:,} exchanges" in loaded.text


def test_only_the_newest_window_of_a_long_log_counts(tmp_path: Path) -> None:
    """A limit holds what the gate will see: the last four weeks, here the worse ones."""
    old = traffic("a", 0, 900, time=START)
    new = traffic("a", 50, 50, time=START + dt.timedelta(days=80))
    edge = traffic("a", 0, 10, time=START + dt.timedelta(days=52))
    lost = traffic("gone", 0, 50, time=START)
    loaded = proposed(audit_of(old + new + edge + lost, tmp_path / "o"))
    assert limits(loaded)["a", "refused"] == limit_above(wilson(50, 110, level=0.95))
    assert [case.name for case in loaded.policy.use_case] == ["a"]
    assert "110 exchanges from 2026-10-23 to 2026-11-20" in loaded.text
    assert not list(tmp_path.glob(".*"))


def test_a_use_case_without_an_outcome_gets_no_budget_and_the_reason(tmp_path: Path) -> None:
    """An unknown figure is no limit of 0."""
    rows = [outcome("undetermined", use_case="a", reason="no_text") for _ in range(9)] + traffic("b", 1, 9)
    loaded = proposed(audit_of(rows, tmp_path / "o"))
    assert {name for name, _ in limits(loaded)} == {"b"}
    assert "# no budget for refused: the log kept no text" in loaded.text


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=15)
@given(names=st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_any_name_is_written_so_that_it_is_recognised_again(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Quotes, control characters, stars, letter case: the file loads, and every exchange is in a budget."""
    path = tmp_path_factory.mktemp("names") / "o"
    rows = [row for name in names for row in traffic(name, 1, 2)]
    audited = audit_of(rows, path)
    loaded = proposed(audited)
    told = recogniser(loaded.policy)
    batch = next(iter(_batches(path)))
    known = {case.name for case in loaded.policy.use_case}
    assert set(told(batch).to_pylist()) == known
    assert all(line.isprintable() for line in loaded.text.split("\n"))


def _batches(path: Path) -> object:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_batches()


@given(st.text())
def test_text_is_quoted_for_toml(text: str) -> None:
    """On one line, and read back as it was."""
    import tomllib

    quoted = toml_text(text)
    assert quoted.isprintable()
    assert tomllib.loads(f"a = {quoted}")["a"] == text.encode("utf-8", "replace").decode()


def test_every_key_is_explained_in_the_file() -> None:
    """Written or commented out, with words beside it."""
    text = EXAMPLE.read_text("utf-8")
    for model in _models(Policy):
        for key in model.model_fields:
            assert re.search(rf"\b{key}\b", text), f"{model.__name__}.{key}"


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    schema = model.model_json_schema()
    import aligntax.policy.model as module

    return {getattr(module, name) for name in schema["$defs"]} | {model}


def test_the_limits_of_the_example_hold_its_own_figures() -> None:
    """The upper end in each comment lies at or below the limit beside it."""
    lines = re.findall(r"limit = ([\d.]+)  # today .* to ([\d.]+)%", EXAMPLE.read_text("utf-8"))
    assert len(lines) == 15
    assert all(float(limit) >= float(high) / 100 - 5e-4 for limit, high in lines)


def test_an_estimate_at_the_end_is_capped() -> None:
    """A share does not pass 1."""
    assert limit_above(Estimate(value=1, low=0.9, high=1, level=0.95, n=9, unit="rate", method="")) == 1
