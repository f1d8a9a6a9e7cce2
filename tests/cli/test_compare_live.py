"""`aligntax compare --model A --model B` as a person runs it, before a planted server on a real socket."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from planted import Behaviour, Fault, Received, Server, World
from tax.compared_worlds import JUDGE

# Inspect calls tenacity by a name that tenacity is giving up
pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")

OLD = Behaviour(refusal=-2.0, words={"kill": 1.5}, prompt_sd=1.0, length=4.5)
NEW = Behaviour(refusal=0.5, words={"kill": 1.5}, prompt_sd=1.0, length=4.8)


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture
def aligntax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, in a directory of its own."""
    from aligntax.cli.app import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["aligntax", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        caught = capsys.readouterr()
        return Done(int(left.value.code or 0), caught.out, caught.err)

    return run


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(planted()) as running:
        yield running


def planted(**more: object) -> World:
    return World(seed=5, models={"old": OLD, "new": NEW, "judge": JUDGE, **more})  # type: ignore[dict-item]


def write_prompts(path: Path, n: int = 60) -> Path:
    rows = [{"id": one.id, "prompt": one.text} for one in planted().benign(n, words=("kill", "stop"))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def models(server: Server, *names: str) -> list[str]:
    return [part for name in names for part in ("--model", f"openai/{name}@{server.url}")]


def figures(entry: dict[str, Any]) -> dict[str, Any]:
    """What must be the same when the sample files are compared."""
    return {name: entry[name] for name in ("pairing", "completion", "verbosity", "flips")}


def test_two_models_and_their_files_again(aligntax: Command, server: Server, tmp_path: Path) -> None:
    """Refusals, quality, length and flips of answers asked for now; the files give the same figures."""
    write_prompts(tmp_path / "p.jsonl")
    asked = ("compare", *models(server, "old", "new"), "--prompts", "p.jsonl", "--out", "run")
    done = aligntax(*asked, "--judge", f"openai/judge@{server.url}")
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines()[3:-1])) <= 80
    assert "refused or hedged   more by" in done.out
    assert "Quality: preferred by openai/judge" in done.out
    assert "longer: x1.3" in done.out
    kept = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert kept["schema"] == "aligntax.comparison/2"
    assert kept["asking"]["answered"] == kept["asking"]["requests"] > 120
    assert kept["sides"]["first"]["served"] == {"old": 60}
    assert kept["gate"] is None
    (entry,) = kept["compared"]
    assert entry["quality"]["scored"] == entry["quality"]["put"] > 10
    paid = len(server.paid)
    assert paid == kept["asking"]["requests"]
    files = aligntax("compare", "run/a.jsonl", "run/b.jsonl", "--json", "-q").document
    assert figures(files["compared"][0]) == figures(entry)
    again = aligntax(*asked, "--judge", f"openai/judge@{server.url}", "--json", "-q").document
    assert again["compared"] == kept["compared"]
    assert again["asking"]["known"] == again["asking"]["requests"]
    assert len(server.paid) == paid


def test_draws_of_a_prompt_stay_together(aligntax: Command, server: Server, tmp_path: Path) -> None:
    write_prompts(tmp_path / "p.jsonl", 30)
    asked = ("compare", *models(server, "old", "new"), "--prompts", "p.jsonl", "--epochs", 3, "--out", "run")
    (entry,) = aligntax(*asked, "--json", "-q").document["compared"]
    gap = entry["completion"]["rates"]["refused"]["difference"]
    assert (gap["n"], gap["clusters"]) == (90, 30)
    files = aligntax("compare", "run/a.jsonl", "run/b.jsonl", "--json", "-q").document
    assert figures(files["compared"][0]) == figures(entry)


def test_a_dry_run_asks_nothing(aligntax: Command, server: Server, tmp_path: Path) -> None:
    """Both models and the judge are reckoned."""
    write_prompts(tmp_path / "p.jsonl", 20)
    asked = ("compare", *models(server, "old", "new"), "--prompts", "p.jsonl", "--dry-run", "--epochs", 2)
    told = aligntax(*asked, "--judge", f"openai/judge@{server.url}", "--json").document
    assert [one["requests"] for one in told["asks"]] == [40, 40, 80]
    assert server.seen == []
    assert not (tmp_path / "aligntax-runs").exists()
    assert "What it would ask" in aligntax(*asked).out


def test_one_model_down_half_way(aligntax: Command, tmp_path: Path) -> None:
    """Many of B's requests fail: told first, the interval holds whatever they hide, exit code 3.

    Fewer in a row than end a run: A is asked all there is.
    """
    write_prompts(tmp_path / "p.jsonl", 40)
    seen = list[str]()

    def down(received: Received) -> Fault | None:
        seen.append(received.model)
        return Fault(400) if received.model == "new" and seen.count("new") > 25 else None

    with Server(planted(), faults=down) as broken:
        asked = ("compare", *models(broken, "old", "new"), "--prompts", "p.jsonl", "--retries", 0)
        done = aligntax(*asked, "--out", "run", "--margin", 0.05)
        assert done.code == 3, done.err
        assert "PARTIAL  of 40 requests to B 15 failed" in done.out
        kept = json.loads((tmp_path / "run" / "comparison.json").read_text())
        (entry,) = kept["compared"]
        assert entry["completion"]["missing"] == [0, 15]
        gap = entry["completion"]["rates"]["refused"]["difference"]
        assert gap["high"] - gap["low"] > 0.375
        assert "15 of 40 at their least and most" in gap["method"]
        assert any("no answer came to 0 prompts of A and 15 of B" in note for note in entry["notes"])
        files = aligntax("compare", "run/a.jsonl", "run/b.jsonl", "--margin", 0.05, "--json", "-q").document
        assert figures(files["compared"][0]) == figures(entry)


def test_one_model_that_never_answers(aligntax: Command, tmp_path: Path) -> None:
    write_prompts(tmp_path / "p.jsonl", 5)
    silent = lambda received: Fault(400) if received.model == "new" else None  # noqa: E731
    with Server(planted(), faults=silent) as broken:
        done = aligntax(
            "compare", *models(broken, "old", "new"), "--prompts", "p.jsonl", "--retries", 0, "--json"
        )
    assert done.code == 3
    assert done.document["about"]["unmatched"] == ["B gave no answer at all"]
    assert done.document["compared"] == []


@pytest.mark.parametrize(
    ("names", "margin", "code"),
    [(("old", "new"), "0.05", 1), (("new", "old"), "0.05", 0), (("old", "new"), "0.35", 3)],
)
def test_the_margin_is_a_gate(
    aligntax: Command, server: Server, tmp_path: Path, names: tuple[str, ...], margin: str, code: int
) -> None:
    """1 worse by more, 0 not, 3 where it cannot be told; without a margin 0 whatever is found."""
    write_prompts(tmp_path / "p.jsonl")
    asked = ("compare", *models(server, *names), "--prompts", "p.jsonl", "--out", "run")
    done = aligntax(*asked, "--margin", margin)
    assert done.code == code, done.out
    assert done.out.split()[0] == {0: "PASS", 1: "FAIL", 3: "INCONCLUSIVE"}[code]
    assert aligntax(*asked).code == 0


def test_what_is_not_comparable_is_refused_before_anything_is_paid(
    aligntax: Command, server: Server, tmp_path: Path
) -> None:
    write_prompts(tmp_path / "p.jsonl", 10)
    asked = ("compare", *models(server, "old"), "--prompts", "p.jsonl", "--out", "run")
    warm = aligntax(*asked, "--temperature", 0, "--second-temperature", 1)
    assert warm.code == 2
    assert "not to be compared: asked: generation is" in warm.err
    other = aligntax(*asked, "--second-system", "Be careful.")
    assert "template is no system prompt in A" in other.err
    assert server.seen == []
    forced = aligntax(*asked, "--second-system", "Be careful.", "--force", "--json").document
    assert forced["about"]["forced"][0].startswith("asked: template is no system prompt in A")
    assert {one.messages[0]["role"] for one in server.seen} == {"system", "user"}
    refused = aligntax("compare", "run/a.jsonl", "run/b.jsonl")
    assert refused.code == 2
    assert "template is no system prompt in A" in refused.err


def test_a_fallback_is_not_the_model_that_was_asked(aligntax: Command, tmp_path: Path) -> None:
    """Every answer of B came from another model: refused, with the files kept; --force takes them."""
    write_prompts(tmp_path / "p.jsonl", 10)

    class Renamed(Server):
        def _answer(self, received: Received) -> dict[str, Any]:
            told = super()._answer(received)
            return told | {"model": "cheaper"} if received.model == "new" else told

    with Renamed(planted()) as running:
        asked = ("compare", *models(running, "old", "new"), "--prompts", "p.jsonl", "--out", "run")
        done = aligntax(*asked)
        assert done.code == 2
        assert "every answer of B was given by cheaper" in done.err
        assert json.loads((tmp_path / "run/b.jsonl").read_text().splitlines()[0])["response"] is None
        assert aligntax(*asked, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "x/a", "--prompts", "p.jsonl"), "two models are compared, and here are 1"),
        (
            ("--model", "x/a", "--model", "x/a", "--prompts", "p.jsonl"),
            "the same model asked in the same way",
        ),
        (("--model", "x/a", "--model", "x/b"), "which prompts?"),
        (("--model", "x/a", "--model", "x/b", "--prompts", "p.jsonl", "--log", "p.jsonl"), "which of them?"),
        (("--model", "x/a", "--model", "x/b", "--prompts", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--model", "x/a", "--model", "x/b", "--prompts", "pack:magic"), "no pack is called 'magic'"),
        (
            ("--model", "x/a", "--model", "x/b", "--prompts", "twice.jsonl"),
            "the id 'q' has been there before",
        ),
        (("p.jsonl", "--model", "x/a"), "either two files, or --model twice"),
        (("--model", "x/a", "--model", "x/b", "--prompts", "p.jsonl", "--margin", "mmlu=1"), "quality=SIZE"),
        (("--model", "x/a", "--model", "x/b", "--log", "p.jsonl", "--system", "x"), "a log has its own"),
        (("--prompts", "p.jsonl"), "two models are compared, and here are 0"),
        ((), "nothing to compare"),
    ],
)
def test_bad_input(aligntax: Command, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    write_prompts(tmp_path / "p.jsonl", 3)
    (tmp_path / "twice.jsonl").write_text('{"id": "q", "prompt": "How?"}\n{"id": "q", "prompt": "Why?"}\n')
    done = aligntax("compare", *arguments)
    assert (done.code, said in done.err, done.out) == (2, True, ""), done.err


def test_files_with_no_prompts_in_common(aligntax: Command, tmp_path: Path) -> None:
    """Compared all the same, but unpaired, and the output says so."""
    for name in ("a", "b"):
        rows = [
            {"id": f"{name}{at}", "model": name, "prompt": f"{name} {at}?", "response": "So."}
            for at in range(9)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (entry,) = aligntax("compare", "a.jsonl", "b.jsonl", "--json").document["compared"]
    assert entry["pairing"]["why_not"] == "no item of A is among those of B"


def test_prompts_of_a_pack_and_of_a_file_of_answers(
    aligntax: Command, server: Server, tmp_path: Path
) -> None:
    """A pack has prompts of both kinds, which are compared apart; any file of answers has prompts."""
    rows = [f"q{at},m,How to boil {at}?,So.,1" for at in range(8)]
    (tmp_path / "answers.csv").write_text("\n".join(["id,model,prompt,response,score", *rows]) + "\n")
    asked = ("compare", *models(server, "old", "new"), "--json", "--out", "run", "-q")
    told = aligntax(*asked, "--prompts", "pack:medical", "--prompts", "answers.csv", "--dry-run").document
    assert told["asks"][0]["requests"] >= 160 + 8
    done = aligntax(*asked, "--prompts", "answers.csv", "--prompts", "pack:medical", "--max-samples", 40)
    assert done.code == 0, done.err
    names = {entry["benchmark"] for entry in done.document["compared"]}
    assert "medical (harmful)" in names
    assert {one["name"] for one in done.document["sets"]} == {"answers", "medical"}
    assert any("a random sample of 40" in note for note in done.document["about"]["unmatched"])


def write_log(path: Path, n: int = 400) -> Path:
    one = planted()
    with path.open("w") as file:
        for at, prompt in enumerate(one.benign(n, clusters=n // 3, words=("kill", "stop"))):
            row = {
                "id": f"r{at}",
                "system": "Be brief.",
                "prompt": f"{prompt.text} Tell ann{at}@example.com.",
                "response": one.answer("old", prompt.text, 3).text,
                "model": "old",
                "use_case": ("support", "legal")[at % 3 == 0],
                "user": prompt.cluster,
            }
            file.write(json.dumps(row) + "\n")
    return path


def test_a_log_replayed(aligntax: Command, server: Server, tmp_path: Path) -> None:
    """A sample of the log before both models, weighted to the log; the same run again pays for nothing."""
    write_log(tmp_path / "log.jsonl")
    asked = ("compare", *models(server, "old", "new"), "--log", "log.jsonl", "--sample", 90)
    done = aligntax(*asked, "--judge", f"openai/judge@{server.url}", "--out", "run")
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines()[3:-1])) <= 80
    assert "Requests drawn from the log" in done.out
    assert "A (old) now against what the log recorded of it, 100.0% of the" in done.out
    assert "B (new) is not compared with what the log recorded" in done.out
    kept = json.loads((tmp_path / "run" / "comparison.json").read_text())
    replay = kept["replay"]
    assert (replay["population"], replay["sample"]) == (400, 90)
    assert sum(one["size"] for one in replay["strata"]) == 400
    assert {one["use_case"] for one in replay["use_cases"]} == {"support", "legal"}
    (entry,) = kept["compared"]
    assert entry["completion"]["rates"]["refused"]["test"] == "stratified t"
    assert entry["findings"][0]["finding"] == "worse"
    assert all(one.messages[0]["content"] == "Be brief." for one in server.paid[:90])
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not any(b"@example.com" in path.read_bytes() for path in written)
    paid = len(server.paid)
    again = aligntax(*asked, "--judge", f"openai/judge@{server.url}", "--out", "run", "--json", "-q")
    assert len(server.paid) == paid
    assert again.document["compared"] == kept["compared"]
    other = aligntax(*asked, "--seed", 1, "--out", "run")
    assert (other.code, "drawn otherwise (seed)" in other.err) == (2, True)


def test_a_replay_that_was_stopped_is_taken_up(aligntax: Command, server: Server, tmp_path: Path) -> None:
    """Without --out too: the cost limit leaves requests unasked, and the same command goes on with them."""
    write_log(tmp_path / "log.jsonl", 120)
    prices = tmp_path / "prices.toml"
    prices.write_text('source = "test"\nfallback = { input = 1.0, output = 1.0 }\n')
    asked = ("compare", *models(server, "old", "new"), "--log", "log.jsonl", "--sample", 40, "--json", "-q")
    first = aligntax(*asked, "--max-cost", 0.03).document
    assert 0 < first["asking"]["not_asked"] < 80
    assert first["asking"]["partial"]
    rest = aligntax(*asked).document
    assert rest["asking"]["answered"] == 80
    assert rest["asking"]["known"] == first["asking"]["answered"]
    assert len(list((tmp_path / "aligntax-runs").iterdir())) == 1


def test_a_real_checkpoint_on_both_sides(
    aligntax: Command, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stories260K against itself at another temperature, through Inspect's hf provider."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "p.txt").write_text("Once upon a time\nThe dog ran\nLily saw a bird\n")
    done = aligntax(
        "compare",
        *("--model", shared_data / "weights" / "stories260K", "--prompts", "p.txt", "--max-tokens", 12),
        *("--temperature", 0.2, "--second-temperature", 1.5, "--force", "--json", "-q", "--out", "run"),
    )
    assert done.code == 0, done.err
    second = done.document["sides"]["second"]
    assert (second["answered"], second["by_another_model"]) == (3, 0)
    assert done.document["compared"][0]["pairing"]["items"] == 3
