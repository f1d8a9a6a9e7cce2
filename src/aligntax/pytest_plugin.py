"""The gate as an assertion: `assert_within_budget(log)` in a test.

    def test_the_assistant_keeps_to_its_budget(assert_within_budget):
        assert_within_budget("traffic.jsonl", policy="aligntax.toml")

Also a function to import: `from aligntax.pytest_plugin import assert_within_budget`. What cannot be told
fails the test, unless `--aligntax-inconclusive=warn` or `=skip` is given; the session's last lines say how
many gates passed, failed, and could not be told. pytest imports this module in every session, so that
everything else is imported when a gate is asked for.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from aligntax.gate.exchanges import Given

__all__ = ["Inconclusive", "InconclusiveBudget", "assert_within_budget"]

Inconclusive = Literal["fail", "warn", "skip"]
"""What becomes of a test whose gate cannot be told."""
_COUNTED = pytest.StashKey[Counter[str]]()
_OPTION, _POLICY = "--aligntax-inconclusive", "--aligntax-policy"
_WIDTH = 100
_seen = Counter[str]()


class InconclusiveBudget(UserWarning):
    """A budget that could not be told, let through by `--aligntax-inconclusive=warn`."""


def assert_within_budget(
    measured: "Given",
    *,
    policy: "str | Path" = "aligntax.toml",
    baseline: "Given | None" = None,
    floors: "Sequence[str | Path | Mapping[str, Any]]" = (),
    labels: "Sequence[str | Path]" = (),
    detector: str = "cascade",
    force: bool = False,
    inconclusive: Inconclusive = "fail",
) -> Mapping[str, Any]:
    """Fails the test unless what was measured keeps to its budgets.

    Args:
        measured: a log, an audit's directory, its outcomes.parquet, a bill or another document, by path; or
            exchanges, as records or a table; or a document.
        policy: path of the policy.
        baseline: what it is compared with, in the same forms; None for nothing.
        floors: documents of `aligntax floor`, or their paths.
        labels: files of expert labels.
        detector: name of the one that tells outcomes where nothing has told them yet.
        force: whether to compare across detectors and ages all the same.
        inconclusive: what becomes of the test where it cannot be told.

    Returns:
        The gate's document, schema "aligntax.gate/1".

    Raises:
        AssertionError: a budget is broken, or cannot be told; with the table of all of them.
    """
    __tracebackhide__ = True
    contents = _held(
        measured,
        policy=policy,
        baseline=baseline,
        floors=floors,
        labels=labels,
        detector=detector,
        force=force,
    )
    return _settled(contents, inconclusive)


def _settled(contents: Mapping[str, Any], inconclusive: Inconclusive) -> Mapping[str, Any]:
    """Counts a gate and comes to what becomes of the test two calls up."""
    __tracebackhide__ = True
    verdict = str(contents["verdict"]["verdict"])
    _seen[verdict] += 1
    if verdict == "pass":
        return contents
    if verdict == "fail" or inconclusive == "fail":
        raise AssertionError(_table(contents))
    sentence = str(contents["verdict"]["sentence"]).partition(":")[0]
    if inconclusive == "skip":
        pytest.skip(sentence)
    warnings.warn(InconclusiveBudget(sentence), stacklevel=3)
    return contents


def _held(
    measured: "Given",
    *,
    policy: "str | Path",
    baseline: "Given | None" = None,
    floors: "Sequence[str | Path | Mapping[str, Any]]" = (),
    labels: "Sequence[str | Path]" = (),
    detector: str = "cascade",
    force: bool = False,
) -> Mapping[str, Any]:
    """The gate's document."""
    import tempfile
    from pathlib import Path

    from aligntax.gate.exchanges import opened
    from aligntax.gate.floor import floor_of
    from aligntax.gate.held import hold
    from aligntax.gate.sources import Opening, read_document
    from aligntax.labels import load_labels
    from aligntax.policy.read import load_policy
    from aligntax.report.gate import gate_document
    from aligntax.tax.labelled import expert_labels

    loaded = load_policy(policy)
    experts = expert_labels(load_labels([Path(one) for one in labels]), force=force) if labels else None
    documents = [one if isinstance(one, Mapping) else read_document(Path(one)) for one in floors]
    with tempfile.TemporaryDirectory(prefix="aligntax-gate-") as made:
        opening = Opening(policy=loaded, into=Path(made), labels=experts)
        head = opened(measured, opening, detector=detector)
        plain = Opening(policy=loaded, into=Path(made))
        against = None if baseline is None else opened(baseline, plain, detector=detector)
        result = hold(
            loaded,
            head,
            baseline=against,
            floors=[floor_of(one, f"floor {at}") for at, one in enumerate(documents, 1)],
            mode="release",
            force=force,
        )
        return dict(gate_document(result))


def _table(contents: Mapping[str, Any]) -> str:
    import io

    from rich.console import Console

    from aligntax.report.gate_tables import print_gate

    text = io.StringIO()
    print_gate(contents, Console(file=text, width=_WIDTH, highlight=False, color_system=None))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip()


@pytest.fixture(name="assert_within_budget")
def _assert_within_budget(request: pytest.FixtureRequest) -> Callable[..., Mapping[str, Any]]:
    """`assert_within_budget` with the session's policy and its choice about what cannot be told."""
    chosen: Inconclusive = request.config.getoption(_OPTION)
    named: str = request.config.getoption(_POLICY)

    def held(
        measured: "Given",
        *,
        policy: "str | Path" = named,
        inconclusive: Inconclusive = chosen,
        **options: Any,  # noqa: ANN401 - as of the function
    ) -> Mapping[str, Any]:
        __tracebackhide__ = True
        return _settled(_held(measured, policy=policy, **options), inconclusive)

    return held


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the two options."""
    group = parser.getgroup("aligntax", "budgets of the alignment tax")
    group.addoption(
        _OPTION,
        choices=get_args(Inconclusive),
        default="fail",
        help="What becomes of a test whose budgets cannot be told.",
    )
    group.addoption(_POLICY, default="aligntax.toml", metavar="FILE", help="Policy of assert_within_budget.")


def pytest_configure(config: pytest.Config) -> None:
    """Begins to count."""
    _seen.clear()
    config.stash[_COUNTED] = Counter()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands the counts of a worker of pytest-xdist to the session it is of."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["aligntax"] = dict(_seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - of pytest-xdist, which need not be there
    """Adds the counts of a worker."""
    node.config.stash[_COUNTED].update(getattr(node, "workeroutput", {}).get("aligntax", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401 - pytest's own
    """Says how many gates there were and what became of them."""
    told = config.stash[_COUNTED] + _seen
    if told:
        words = ", ".join(_words(told))
        terminalreporter.write_line(f"aligntax: {told.total()} gates held to their budgets: {words}")


def _words(told: Counter[str]) -> Iterator[str]:
    for verdict, word in {"pass": "passed", "fail": "failed", "inconclusive": "could not be told"}.items():
        if told[verdict]:
            yield f"{told[verdict]} {word}"
