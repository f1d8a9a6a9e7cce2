"""What `FILE:field=value` means, and that it says again what it was told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.answers.selector import Condition, Selector, parse_argument

FIELDS = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,8}(\.[A-Za-z_][A-Za-z0-9_]{0,8})?\Z")
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda text: not text.endswith("\\")
)
CONDITIONS = st.builds(Condition, FIELDS, st.sampled_from(["=", "~"]), VALUES)


@given(st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple))
def test_what_a_selector_prints_is_read_as_the_same_selector(conditions: tuple[Condition, ...]) -> None:
    """Whatever commas, colons, signs and scripts its values hold."""
    selector = Selector(conditions)
    assert parse_argument(f"no/such file.jsonl:{selector}") == ("no/such file.jsonl", selector)


@given(VALUES)
def test_a_value_selects_itself(value: str) -> None:
    """The condition an error message proposes holds for the rows it was made from."""
    assert Selector().adding("model", value).holds({"model": value})


@pytest.mark.parametrize(
    ("argument", "path", "selector"),
    [
        ("x.jsonl", "x.jsonl", ""),
        ("x.jsonl:model=phi-2-dpo", "x.jsonl", "model=phi-2-dpo"),
        (
            "x.jsonl:model=claude-2.1,verbosity_variant=concise",
            "x.jsonl",
            "model=claude-2.1,verbosity_variant=concise",
        ),
        (
            "x.jsonl:model=hf.co/a:Q4_K_M,flags.condition=none",
            "x.jsonl",
            "model=hf.co/a:Q4_K_M,flags.condition=none",
        ),
        ("x.jsonl:id~none/", "x.jsonl", "id~none/"),
        ("x.jsonl:title=a, b, c", "x.jsonl", "title=a, b, c"),
        (r"C:\runs\x.jsonl", r"C:\runs\x.jsonl", ""),
        (r"C:\runs\x.jsonl:model=m", r"C:\runs\x.jsonl", "model=m"),
        ("C:model=m", "C:model=m", ""),
        ("samples_2024-11-26T10:47:32.jsonl:metric=acc", "samples_2024-11-26T10:47:32.jsonl", "metric=acc"),
        ("samples_2024-11-26T10:47:32.jsonl", "samples_2024-11-26T10:47:32.jsonl", ""),
    ],
)
def test_where_the_file_ends_and_the_selector_begins(argument: str, path: str, selector: str) -> None:
    """Drive letters and times of day are no selectors."""
    found, conditions = parse_argument(argument)
    assert (found, str(conditions)) == (path, selector)


def test_a_file_of_the_whole_name_is_taken_literally(tmp_path: Path) -> None:
    """A name that looks like a selector is a name if there is such a file."""
    path = tmp_path / "x.jsonl:model=m"
    path.write_text("{}")
    assert parse_argument(str(path)) == (str(path), Selector())
    assert parse_argument(f"{path}:model=n") == (str(path), Selector((Condition("model", "=", "n"),)))


@pytest.mark.parametrize(
    ("value", "typed"),
    [(True, "true"), (None, "null"), (None, ""), (3, "3"), (3.0, "3"), (0.5, "0.5"), ("3", "3")],
)
def test_values_that_are_no_text(value: object, typed: str) -> None:
    """Truth values, nulls and numbers are typed as JSON writes them."""
    assert Condition("x", "=", typed).holds(value)


def test_a_field_may_be_nested_or_have_a_point_in_its_name() -> None:
    """A key of just that name comes first."""
    selector = Selector((Condition("flags.kind", "=", "a"),))
    assert selector.holds({"flags": {"kind": "a"}})
    assert selector.holds({"flags.kind": "a", "flags": {"kind": "b"}})
    assert not selector.holds({"flags": "a"})


def test_no_value_contains_anything() -> None:
    """A missing field is not one that holds "ul"."""
    assert not Condition("x", "~", "ul").holds(None)
    assert Condition("x", "~", "ul").holds("rule")
