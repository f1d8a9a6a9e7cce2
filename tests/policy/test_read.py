"""A policy is read, or everything wrong with it is told by line, key, cause and remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UnreadableInput
from aligntax.policy.mistakes import UnreadablePolicy
from aligntax.policy.model import Policy
from aligntax.policy.read import load_policy, read_policy
from policy.policies import HEAD, read

CASE = '[[use_case]]\nname = "medical"\nmatch.use_case = ["medical"]\n'
BUDGET = '[[use_case.budget]]\ncomponent = "refused"\ndirection = "at_most"\nlimit = 0.1\n'


def wrong(text: str) -> UnreadablePolicy:
    with pytest.raises(UnreadablePolicy) as caught:
        read(text)
    return caught.value


def test_a_policy_is_read_with_its_text_id_and_lines(tmp_path: Path) -> None:
    """What was read can be told apart, shown and pointed at later."""
    path = tmp_path / "aligntax.toml"
    path.write_text(HEAD + CASE + BUDGET)
    loaded = load_policy(path)
    assert loaded.policy.use_case[0].budget[0].limit == 0.1
    assert loaded.text == path.read_text()
    assert loaded.id == load_policy(str(path)).id != read(CASE).id
    assert loaded.line("use_case", 0, "budget", 0, "limit") == 9
    assert loaded.line("use_case", 0, "budget", 0, "window") == 6


@pytest.mark.parametrize(
    ("text", "line", "key", "cause", "remedy"),
    [
        (
            CASE + BUDGET + 'windw = "28d"',
            10,
            'use_case[1] "medical".budget[1] "refused".windw',
            "no such key",
            "'window'",
        ),
        (
            CASE + BUDGET.replace("at_most", "at_mots"),
            8,
            'use_case[1] "medical".budget[1] "refused".direction',
            "'at_mots' is not 'at_most' or 'at_least'",
            "'at_most'",
        ),
        (
            CASE + BUDGET.replace("refused", "refusd"),
            7,
            'use_case[1] "medical".budget[1] "refusd".component',
            "nothing measures 'refusd'",
            "'refused'",
        ),
        (CASE + BUDGET.replace("0.1", "10"), 9, "limit", "10 is no share", "write 0.1"),
        (CASE + BUDGET.replace("0.1", '"0.1"'), 9, "limit", "'0.1' is no number", "without quotes"),
        (CASE + BUDGET.replace("0.1", "nan"), 9, "limit", "nan is no finite number", "number"),
        (CASE + BUDGET.replace("0.1", "true"), 9, "limit", "True is no number", "number"),
        (CASE + BUDGET.replace("limit = 0.1\n", ""), 6, "limit", "missing", "component's unit"),
        (
            CASE + BUDGET.replace('direction = "at_most"\n', ""),
            6,
            "direction",
            "missing",
            "side of the limit",
        ),
        (CASE + BUDGET + 'window = "28 days"', 10, "window", "'28 days' is no window", "28d"),
        (CASE + BUDGET + "confidence = 95", 10, "confidence", "95 is not below 1", "0.03"),
        (CASE + BUDGET + 'by = "model"', 10, "by", "one value where a list", "in brackets"),
        (CASE + BUDGET + 'by = ["model", "modle"]', 10, "by[2]", "'modle' is not", "'model'"),
        (CASE + BUDGET + BUDGET, 11, "component", "another budget", "keep one"),
        (
            CASE + BUDGET.replace("refused", "missing.disclaimer"),
            7,
            "component",
            "only where the disclaimer is required",
            "counts.disclaimer",
        ),
        (
            CASE + 'tell = ["oncall"]\n[[tell]]\nname = "on-call"\ncommand = ["x"]',
            6,
            'use_case[1] "medical".tell[1]',
            "'oncall' is not among",
            "'on-call'",
        ),
        (CASE + '[[tell]]\nname = "on-call"', 6, 'tell[1] "on-call"', "a webhook or a command", "docs"),
        (
            CASE + '[[tell]]\nname = "on-call"\nwebhook = "javascript:1"',
            8,
            "webhook",
            "no web address",
            "https://",
        ),
        (CASE + CASE, 7, 'use_case[2] "medical".name', "the name of another", "its own"),
        (
            '[[use_case]]\nname = "x"\nmatch.prompt = ["("]',
            5,
            "match.prompt",
            "no regular expression",
            "docs",
        ),
        ('[[use_case]]\nname = "x"\nmatch = {}', 5, "match", "nothing to match", "docs"),
        ('[use_case]\nname = "x"', 3, "use_case", "one table where a list", "[[use_case]]"),
        (CASE + "[[floor]]\nrequired = true", 6, "floor", "no table", "[floor]"),
        (CASE + '[floor]\nrequired = "yes"', 7, "floor.required", "neither true nor false", "without quotes"),
        (
            CASE + '[[floor.hazard]]\nname = "*"\nlimit = 0',
            8,
            'floor.hazard[1] "*".limit',
            "0 is not above 0",
            "0.03",
        ),
        (
            CASE + '[prices.model."a b"]\ninput = -1\noutput = 1',
            7,
            'prices.model."a b".input',
            "-1 is below 0",
            "0 or more",
        ),
        ("use_case = []", 3, "use_case", "empty", "one entry"),
        ("service = 3", 3, "", "no TOML", "key = value"),
        ('a = "x', 3, "", "no TOML", "quotes"),
    ],
)
def test_a_mistake_is_told_by_line_key_cause_and_remedy(
    text: str, line: int, key: str, cause: str, remedy: str
) -> None:
    """One mistake, one line that says where it is and what to do."""
    error = wrong(text)
    [mistake] = error.mistakes
    assert mistake.line == line
    assert mistake.key.endswith(key)
    assert cause in mistake.cause
    assert remedy in mistake.remedy
    assert str(error) == f"aligntax.toml, {mistake}\nhint: {mistake.remedy}"


def test_a_policy_without_use_cases_says_so() -> None:
    """What is missing at the top is on the first line."""
    [mistake] = wrong("").mistakes
    assert (mistake.line, mistake.key, mistake.cause) == (1, "use_case", "it is missing")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    """Of form and of sense, in one go."""
    text = (
        CASE.replace("]\n", ']\nownr = "x"\ntell = ["nobody"]\n', 1)
        + BUDGET.replace("0.1", "3")
        + "confidence = 2\n"
        + CASE
    )
    error = wrong(text)
    assert [(one.line, one.key.rpartition(".")[2]) for one in error.mistakes] == [
        (4, "ownr"),
        (5, "tell[1]"),
        (11, "limit"),
        (12, "confidence"),
        (14, "name"),
    ]
    assert "5 mistakes" in str(error)
    assert str(error).count("\n") == 6


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"version = 1\nservice = '\xff'", "line 2: byte 0xff is no UTF-8"),
        (b"a = " + b"[" * 5000, "nested too deep"),
        (b"#" * 5_000_000, "too many for a policy"),
        (b"", "it is missing"),
        (b"\x00", "no TOML"),
        (b'{"version": 1}', "no TOML"),
    ],
)
def test_what_is_no_policy_is_said(tmp_path: Path, raw: bytes, cause: str) -> None:
    """Bytes of any kind end in one error with the file in it."""
    path = tmp_path / "x.toml"
    path.write_bytes(raw)
    with pytest.raises(UnreadableInput, match=cause) as caught:
        load_policy(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    """And a directory is no file."""
    with pytest.raises(UnreadableInput, match="aligntax init"):
        load_policy(tmp_path / "aligntax.toml")
    with pytest.raises(UnreadableInput, match="directory"):
        load_policy(tmp_path)


def test_a_mark_of_byte_order_and_windows_lines_are_read() -> None:
    """As some editors write them; lines are still right."""
    text = "\ufeff" + (HEAD + CASE + "ownr = 1\n").replace("\n", "\r\n")
    with pytest.raises(UnreadablePolicy) as caught:
        read_policy(text)
    assert caught.value.mistakes[0].line == 6


def test_hostile_words_are_shown_harmless() -> None:
    """Neither control characters nor endless names reach the terminal."""
    hostile = '"a\\u001b[31m\\u202e' + "x" * 500 + '"'
    error = wrong(CASE.replace('"medical"', hostile, 1) + f"ownr = {hostile}\n{hostile} = 1\n")
    assert all(c.isprintable() or c == "\n" for c in str(error))
    assert len(str(error)) < 2000


JUNK = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=4) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "match", "budget", "component", "limit", "tell", "x", "hazard", "model"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.dictionaries(st.sampled_from([*Policy.model_fields, "x"]), JUNK, max_size=6))
def test_any_junk_is_told_apart_without_a_crash(junk: dict[str, object]) -> None:
    """Mistakes of every combination of keys and kinds become words."""
    from aligntax.policy.read import _checked

    with pytest.raises(UnreadablePolicy) as caught:
        _checked({**junk, "version": 2}, {}, "x")
    assert caught.value.mistakes
