"""`aligntax frontier`: once as a person runs it, the rest in this process, which is faster."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from aligntax.cli.verbs.frontier import frontier
from aligntax.errors import AligntaxError
from tests_commands import apart, checked

METHODS = {
    "steady": [(0.2, 0.03, 0.20), (0.5, 0.06, 0.10), (0.8, 0.15, 0.05)],
    "costly": [(0.2, 0.03, 0.50), (0.5, 0.06, 0.40), (0.8, 0.15, 0.30)],
    "unsafe": [(0.2, 0.30, 0.10), (0.5, 0.40, 0.05), (0.8, 0.50, 0.01)],
}
"""Knob, harm, share of capability lost."""
FIXED = ("--harm", "0.08", "--over-refusal", "0.1", "--chance", "maths=0", "--replicates", "500")
ITEMS = 600


def outcomes() -> list[dict[str, object]]:
    """Items that are easy or hard for everybody; over-refusal is .05 throughout."""
    hard = {axis: np.random.default_rng(at).random(ITEMS) for at, axis in enumerate(("h", "o", "c"))}
    rows: list[dict[str, object]] = []

    def add(method: str, knob: float | None, axis: str, below: float, **more: str) -> None:
        about = {"method": method, "configuration": knob, "axis": axis, **more}
        values = (hard[axis[0]] < below).astype(int).tolist()
        rows.extend(about | {"item": at, "value": value} for at, value in enumerate(values))

    add("reference", None, "capability", 0.8, benchmark="maths")
    for method, settings in METHODS.items():
        for knob, harm, lost in settings:
            add(method, knob, "harm", harm)
            add(method, knob, "over_refusal", 0.05)
            add(method, knob, "capability", 0.8 * (1 - lost), benchmark="maths")
    return rows


def table() -> str:
    lines = [
        "method,configuration,harm,harm_n,over_refusal,over_refusal_n,capability.maths,capability_n.maths",
        f"reference,,,,,,0.8,{ITEMS}",
    ]
    for method, settings in METHODS.items():
        for knob, harm, lost in settings:
            lines.append(f"{method},{knob},{harm},{ITEMS},0.05,{ITEMS},{0.8 * (1 - lost):.3f},{ITEMS}")
    return "\n".join(lines) + "\n"


def fine(name: str, *options: str, cwd: Path) -> str:
    """What the command prints for a file of the directory."""
    done = CliRunner().invoke(_command(), [str(cwd / name), *options])
    assert done.exit_code == 0, done.exception or done.output
    return done.stdout


def wrong(name: str, *options: str, cwd: Path) -> str:
    """What a command that must be refused with a hint says."""
    done = CliRunner().invoke(_command(), [str(cwd / name), *options])
    assert isinstance(done.exception, AligntaxError), done.output
    assert done.exception.hint
    return str(done.exception)


def _command() -> typer.Typer:
    command = typer.Typer()
    command.command()(frontier)
    return command


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frontier")
    (path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in outcomes()), "utf-8")
    (path / "table.csv").write_text(table(), "utf-8")
    (path / "uneven.csv").write_text(table() + f"steady,0.9,0.2,{ITEMS},0.05,{ITEMS},0.79,{ITEMS}\n", "utf-8")
    return path


def test_the_claim(directory: Path) -> None:
    """Steady beats costly, unsafe is infeasible, and all fits 80 columns."""
    shown = checked(apart("frontier", "items.jsonl", *FIXED, cwd=directory)).stdout
    told = " ".join(shown.split())
    assert "steady has the lowest tax: lower than each of the others that get there." in told
    assert (
        "At harm at most 8% and over-refusal at most 10%, steady has lower normalised tax than costly" in told
    )
    assert "steady is non-dominated in 100% of replicates" in told
    assert "unsafe is infeasible at this harm (least harm under the cap" in told
    assert "paired bootstrap over items" in told
    assert "Three seeds are the least." in told
    assert "which flatters them" in told
    assert "No hypervolume" in told
    assert max(map(len, shown.splitlines())) <= 80


def test_json(directory: Path) -> None:
    """Every figure with its interval; the tax at .08 lies between a tenth at .06 and a twentieth at .15."""
    arguments = ("--reference-point", "0.3,0.2,0.4", "--vanilla", "costly", "--harm-range", "0.05,0.15")
    document = json.loads(fine("items.jsonl", *FIXED, *arguments, "--json", cwd=directory))
    assert document["schema"] == "aligntax.frontier/1"
    assert document["best"] == "steady"
    steady, costly, unsafe = document["methods"]
    assert steady["tax"]["low"] < 0.10 - 0.05 * 2 / 9 < steady["tax"]["high"]
    assert steady["between"] == ["0.5", "0.8"]
    assert unsafe["tax"]["value"] is None
    assert unsafe["tax"]["reason"] == "not reached"
    assert [p["declared"] for p in document["reference_points"]] == [True, False]
    assert costly["ratio"]["value"] == 1
    assert steady["ratio"]["low"] > 1
    assert len(steady["volumes"]) == 2
    assert steady["area"]["value"] < costly["area"]["value"]
    assert [p["better"] for p in document["pairs"]] == ["steady", None, None]
    for entry in document["configurations"]:
        for name in ("harm", "over_refusal", "tax"):
            assert entry[name]["low"] <= entry[name]["value"] <= entry[name]["high"]


def test_a_table_is_unpaired_and_wider(directory: Path) -> None:
    """The same rates without items give a wider interval of the difference, and say so."""
    widths = []
    for name in ("items.jsonl", "table.csv"):
        document = json.loads(fine(name, *FIXED, "--json", cwd=directory))
        apart = document["pairs"][0]["difference"]
        widths.append(apart["high"] - apart["low"])
    assert widths[1] > 1.3 * widths[0]
    assert any("unpaired, and wider" in note for note in document["notes"])


def test_nothing_fixed_no_winner(directory: Path) -> None:
    """Without a harm: several to look at, and no method named."""
    shown = fine("table.csv", "--replicates", "200", cwd=directory)
    assert "No method is named: the harm to compare at was not fixed beforehand." in shown
    assert "Tax at several harms, to look at" in shown
    assert "lowest tax" not in shown
    shown = fine("table.csv", "--harm", "0.08", "--replicates", "200", cwd=directory)
    assert "No method is named: the cap on over-refusal was not fixed beforehand." in shown


def test_nobody_gets_there(directory: Path) -> None:
    """A harm that all methods are above, and a cap that all are above."""
    for harm, cap, words in (
        ("0.01", "0.1", "least harm under the cap"),
        ("0.1", "0.01", "no configuration"),
    ):
        options = ("--harm", harm, "--over-refusal", cap, "--replicates", "500")
        told = " ".join(fine("table.csv", *options, cwd=directory).split())
        assert "there is no method: none gets there." in told
        assert words in told
        assert "cannot tell" not in told


def test_unequal_budgets(directory: Path) -> None:
    """Refused, naming them; forced, the claim and a note say so."""
    complaint = wrong("uneven.csv", *FIXED, cwd=directory)
    assert "unequal configurations: steady 4, costly 3, unsafe 3" in complaint
    shown = fine("uneven.csv", *FIXED, "--force", cwd=directory)
    told = " ".join(shown.split())
    assert "over-refusal at most 10%, unequal budgets, steady has" in told
    assert "Forced: unequal configurations: steady 4, costly 3, unsafe 3" in told


def test_chart(directory: Path) -> None:
    """A point for each configuration, hollow over the cap, a rule at the harm, and a file of each kind."""
    for name in ("chart.json", "chart.svg", "chart.png"):
        options = (*FIXED[:2], "--over-refusal", "0.04", *FIXED[4:])
        fine("table.csv", *options, "--chart", str(directory / name), cwd=directory)
    chart = json.loads((directory / "chart.json").read_text("utf-8"))
    assert len(chart["data"]["values"]) == 9
    assert not any(row["allowed"] for row in chart["data"]["values"])
    rules = [layer["data"]["values"] for layer in chart["layer"] if "data" in layer]
    assert [{"at": 0.08, "text": "compared at 8%"}] in rules
    assert b"<svg" in (directory / "chart.svg").read_bytes()[:200]
    assert (directory / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_twice(directory: Path) -> None:
    first, second = (fine("items.jsonl", *FIXED, "--json", cwd=directory) for _ in "ab")
    assert first == second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--harm", "5"), "--harm: 5 is not between 0 and 1"),
        (("--chance", "maths"), "no '=' with a benchmark before it"),
        (("--chance", "maths=x"), "'x' is not a number"),
        (("--chance", "prose=0.2"), "--chance prose: no such benchmark"),
        (("--reference-point", "0.1,0.2"), "is not 3 numbers with commas between them"),
        (("--reference-point", "0.1,0.2,1"), "no capability of 1 or less is below the reference's"),
        (("--reference-point", "0,0.2,.5"), "worst harm and worst over-refusal lie between 0 and 1"),
        (("--harm-range", "0.2,0.1"), "no range"),
        (("--vanilla", "plain"), "no method is called 'plain'"),
        (("--reference", "base"), "the reference, method 'base', has no rows"),
        (("--chart", "chart.pdf"), "a chart is written to"),
    ],
)
def test_bad_options(directory: Path, options: tuple[str, ...], message: str) -> None:
    arguments = ("--replicates", "200", *options)
    assert message in " ".join(wrong("table.csv", *arguments, cwd=directory).split())
