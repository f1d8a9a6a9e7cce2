"""`aligntax triggers` as a person runs it: on logs, and with a model behind a real socket."""

import gc
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from aligntax.cli.verbs.triggers import triggers
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from planted import INSPECT_NOISE, Behaviour, Fault, Server, World

pytestmark = INSPECT_NOISE

FILLER = """please look at the report and tell our team what happened with every order that came late
last week before we close the month in spring""".split()  # noqa: SIM905 - a sentence
APP = typer.Typer()
APP.command()(triggers)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.chdir(tmp_path)


def ran(*arguments: object) -> Result:
    """The command, and what came of it; what it refuses is raised."""
    done = CliRunner().invoke(APP, [*map(str, arguments), "--quiet"])
    if isinstance(done.exception, AligntaxError):
        raise done.exception
    assert done.exit_code in (0, 3), (done.output, done.exception)
    return done


def document(*arguments: object) -> dict[str, Any]:
    return json.loads(ran(*arguments, "--json").stdout)


def planted(seed: int = 3, **words: float) -> World:
    return World(
        seed=seed,
        identity=lambda text: ("x", ""),
        models={"planted": Behaviour(refusal=-3.0, words=words, hedging=-9)},
    )


def write_log(path: Path, world: World, n: int, *, share: float = 0.1, users: bool = True) -> Path:
    generator = np.random.default_rng(1)
    rows = []
    for at in range(n):
        words = [str(one) for one in generator.choice(FILLER, 12)]
        words.insert(int(generator.integers(0, 12)), "kill" if generator.random() < share else "stop")
        prompt = " ".join(words)
        row = {"id": f"r{at}", "prompt": prompt, "response": world.answer("planted", prompt).text}
        rows.append(row | ({"user_id": f"u{generator.integers(0, 200)}"} if users else {}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 prompts; "kill" in a tenth of them."""
    return write_log(tmp_path_factory.mktemp("log") / "log.jsonl", planted(kill=5.0), 1500)


def test_a_log(log: Path, tmp_path: Path) -> None:
    """Verdict first, within 80 columns; chart and evaluation set written."""
    chart, drawn = tmp_path / "volcano.json", tmp_path / "set.jsonl"
    done = ran(log, "--chart", chart, "--eval-set", drawn, "--eval-size", "40")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("found: ")
    assert re.search(r"^kill +1\d\d +\d\d\.\d% \(", done.stdout, re.MULTILINE)
    points = json.loads(chart.read_text("utf-8"))["layer"][1]["data"]["values"]
    assert next(point for point in points if point["term"] == "kill")["kind"] == "trigger"
    rows = [json.loads(line) for line in drawn.read_text("utf-8").splitlines()]
    assert len(rows) == 40
    assert {row["outcome"] for row in rows} == {"complete", "refused"}
    assert all("kill" in row["prompt"].split() and 0 < row["probability"] <= 1 for row in rows)


def test_the_document(log: Path) -> None:
    found = document(log)
    assert found["schema"] == "aligntax.triggers/1"
    assert found["verdict"] == "found"
    assert found["about"]["clustered_by"] == "the log's clusters"
    (kill,) = (term for term in found["vocabulary"]["triggers"] if term["name"] == "kill")
    assert kill["odds"]["low"] <= 5.0 <= kill["odds"]["high"]
    assert kill["q"] < 1e-10
    assert sum(found["about"]["counts"].values()) == 1500


def test_too_little_data(tmp_path: Path) -> None:
    """Says what it would take, and leaves with 3; without clusters it says so."""
    log = write_log(tmp_path / "small.jsonl", planted(kill=0.1), 120, users=False)
    done = ran(log, "--eval-set", tmp_path / "none.jsonl", "--chart", tmp_path / "c.json")
    assert done.exit_code == 3
    said = " ".join(done.stdout.split())
    assert re.search(r"too little data: 1\d\d prompts, where a term in 1% .* takes [\d,]+ to be found", said)
    assert "the log names no user" in said
    assert "no evaluation set was written" in said
    assert not (tmp_path / "none.jsonl").exists()
    ran(log, "--eval-set", tmp_path / "named.jsonl", "--term", "Stop")
    assert "stop" in json.loads((tmp_path / "named.jsonl").read_text("utf-8").splitlines()[0])["terms"]


def rows(path: Path, made: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
    return path


ANSWER = "Boil the eggs for nine minutes, then cool them in water and peel them. " * 3
REFUSAL = "I'm sorry, but I can't help with that request."


@pytest.mark.parametrize(
    ("response", "users", "said"),
    [
        (lambda at: ANSWER, 20, "none of the 40 prompts was refused"),
        (lambda at: REFUSAL, 20, "all 40 prompts were refused"),
        (lambda at: REFUSAL if at % 2 else ANSWER, 1, "all prompts are of one user"),
    ],
)
def test_nothing_to_compare(tmp_path: Path, response: Any, users: int, said: str) -> None:
    made = [
        {"id": at, "prompt": f"Boil {at} eggs", "response": response(at), "user_id": f"u{at % users}"}
        for at in range(40)
    ]
    done = ran(rows(tmp_path / "log.jsonl", made), "--chart", tmp_path / "c.svg")
    assert done.exit_code == 3
    assert said in " ".join(done.stdout.split())
    assert not (tmp_path / "c.svg").exists()


def test_what_is_refused(log: Path, tmp_path: Path) -> None:
    """Each with its cause and a remedy."""
    blank = [{"id": at, "prompt": " ", "response": ANSWER} for at in range(3)]
    with pytest.raises(UnreadableInput, match="none of the 3 exchanges has a prompt"):
        ran(rows(tmp_path / "blank.jsonl", blank))
    audit = tmp_path / "audit"
    audit.mkdir()
    (audit / "outcomes.parquet").write_bytes(b"")
    (audit / "bill.json").write_text("{}", "utf-8")
    for given in (audit, audit / "outcomes.parquet"):
        with pytest.raises(UsageError, match="give the log that was audited"):
            ran(given)
    with pytest.raises(UsageError, match=r"goes to \.jsonl"):
        ran(log, "--eval-set", "set.csv")
    with pytest.raises(UsageError, match="a dry run of what"):
        ran(log, "--dry-run")
    with pytest.raises(UsageError, match="no word"):
        ran(log, "--term", "...")
    with pytest.raises(UsageError, match="holds unheard"):
        ran(write_log(tmp_path / "s.jsonl", planted(), 60), "--term", "unheard", "--eval-set", "x.jsonl")


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("inspect_ai")
    pytest.importorskip("openai")
    with Server(planted(kill=5.0)) as running:
        yield running


def asked(log: Path, server: Server, *more: object, prompts: int = 6, calls: int = 240) -> dict[str, Any]:
    model = f"openai/planted@{server.url}"
    found = document(log, "--model", model, "--max-samples", prompts, "--calls", calls, "--out", "run", *more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Inspect leaves its streams to the collector
        gc.collect()
    return found


def test_a_model_is_asked(log: Path, server: Server) -> None:
    """The cause is named within the calls; the same again is paid for once; the run is a log itself."""
    dry = document(log, "--model", f"openai/planted@{server.url}", "--calls", 240, "--dry-run")
    assert dry["total"]["requests"] == 240
    assert not server.seen
    found = asked(log, server)
    causal = found["causal"]
    assert causal["verdicts"]["found"] >= 4
    assert causal["calls"] == len(server.paid) <= 240
    (kill,) = (one for one in causal["effects"] if one["term"] == "kill")
    assert kill["finding"] == "sets it off"
    assert kill["effect"]["low"] > 0.3
    assert not found["asking"]["partial"]
    paid = len(server.paid)
    again = asked(log, server)
    assert len(server.paid) == paid
    assert again["causal"] == causal
    assert json.loads(Path("run/triggers.json").read_text("utf-8")) == again
    assert document("run")["about"]["counts"]["refused"] > 0


def test_a_server_that_fails(log: Path, server: Server) -> None:
    """What came is kept and said to be partial; nothing is made of what did not."""
    server.faults = lambda received: Fault(500) if received.number > 20 else None
    found = asked(log, server, "--retries", 0, prompts=2, calls=60)
    assert found["asking"]["partial"]
    assert found["asking"]["stopped"]
    assert found["causal"]["missing"] > 0
    assert any(note.startswith("partial: ") for note in found["notes"])


def test_a_cost_cap(log: Path, server: Server) -> None:
    found = asked(log, server, "--max-cost", "0.004", "--max-tokens", 64, prompts=2, calls=60)
    assert "cost limit" in found["asking"]["stopped"]
    assert found["asking"]["partial"]
    assert 0 < found["asking"]["spent"] <= 0.004


@pytest.mark.parametrize("name", ["xstest_completions", "do_not_answer"])
def test_real_completions(shared_data: Path, name: str) -> None:
    found = document(shared_data / "labelled" / f"{name}.jsonl")
    assert found["vocabulary"]["tested"] > 50
    assert found["verdict"] == "found"
    assert found["about"]["clustered_by"] == "identical prompts"


def test_250_prompts_are_too_few(shared_data: Path, tmp_path: Path) -> None:
    """XSTest's benign prompts, one model at a time."""
    lines = (shared_data / "labelled" / "xstest_completions.jsonl").read_text("utf-8").split("\n")
    every = [json.loads(line) for line in lines if line]
    for model in sorted({row["model"] for row in every}):
        some = [row for row in every if row["model"] == model and row["prompt_type"] == "benign"]
        found = document(rows(tmp_path / f"{model}.jsonl", some))
        assert found["verdict"] == "too little data"
        assert found["vocabulary"]["needed"] > 2000
