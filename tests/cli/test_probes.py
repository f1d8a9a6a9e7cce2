"""`aligntax probes` as a person runs it, its models behind a real socket."""

import csv
import gc
import io
import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

import typer
from click.testing import Result
from typer.testing import CliRunner

from aligntax.cli.verbs import probes
from aligntax.errors import AligntaxError
from aligntax.probes.packs import PACKS, load_pack
from aligntax.probes.sets import known_sets
from planted import Answer, Behaviour, Fault, Server, World, every
from planted.speakers import told
from probes.generator_speakers import moderator, writer

# Inspect calls tenacity by a name that tenacity is giving up
pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")

app = typer.Typer()
app.add_typer(probes.app)
HAZARDS = {one.request: one.hazard for name in PACKS for one in load_pack(name).harmful}
WORDS = {"overdose": 4.0, "lethal": 4.0, "kill": 4.0}


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Inspect leaves connections to the end of a process
        yield
        gc.collect()


def world(seed: int = 1) -> World:
    models: dict[str, Any] = {
        "careful": Behaviour(refusal=-3.0, words=WORDS),
        "lax": Behaviour(refusal=-5.0, harm={"violent_crimes": 1.0}),
        "writer": writer,
        "m1": moderator,
        "m2": moderator,
        "m3": lambda world, asked: Answer("I can't judge this.", tokens_in=9, tokens_out=9),
    }
    return World(seed=seed, models=models, hazards=HAZARDS)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(world()) as running:
        yield running


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["probes", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def model(server: Server, name: str) -> str:
    return f"openai/{name}@{server.url}"


def document(*arguments: object, code: int = 0) -> dict[str, Any]:
    return json.loads(run(*arguments, "--json", "-q", code=code).stdout)


class TestSets:
    """What there is, without asking anybody."""

    def test_list(self) -> None:
        shown = run("list").stdout
        assert max(map(len, shown.splitlines())) <= 80
        for name in (*PACKS, *(one.name for one in known_sets())):
            assert name in shown
        assert "(!) not for commercial use" in shown
        listed = json.loads(run("list", "--json").stdout)
        assert [one["name"] for one in listed["packs"]] == list(PACKS)
        assert all(one["licence"] for one in listed["sets"])

    def test_show(self) -> None:
        shown = run("show", "security").stdout
        pack = load_pack("security")
        assert pack.sha256 in shown
        assert "Apache-2.0" in shown
        assert f"{len(pack.benign):,} benign, {len(pack.harmful):,} harmful" in shown
        assert run("show", "security", "--datasheet").stdout.strip() == pack.datasheet.strip()

    def test_show_tells_licence_and_hash_of_a_public_set(self, shared_data: Path) -> None:
        path = shared_data / "prompts" / "strongreject.jsonl"
        found = document_of_set("strongreject", path)
        assert found["terms"] == "unclear"
        assert (found["harmful"], found["benign"]) == (313, 0)
        assert len(found["sha256"]) == 64
        assert "(unclear)" in run("show", "strongreject", "--path", path).stdout

    def test_export_and_back(self, tmp_path: Path) -> None:
        run("export", "legal", "--to", tmp_path / "legal.jsonl", "--neutral")
        rows = [json.loads(line) for line in (tmp_path / "legal.jsonl").read_text("utf-8").splitlines()]
        pack = load_pack("legal")
        assert len(rows) == len(pack.prompts(neutral=True).probes)
        assert rows[0]["source"].endswith(pack.sha256)
        run("export", "legal", "--to", tmp_path / "harmful.jsonl", "--only", "harmful")
        found = json.loads(run("show", str(tmp_path / "harmful.jsonl"), "--json").stdout)
        assert (found["harmful"], found["benign"]) == (len(pack.harmful), 0)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("show", "cooking"), "no pack, no public set and no file"),
            (("show", "medical", "--path", "x"), "the medical pack comes with aligntax"),
            (("show", "strongreject"), "not known to be on the Hub"),
            (("show", "xstest", "--datasheet"), "only packs have a datasheet"),
            (("export", "medical", "--to", "x.jsonl", "--only", "evil"), "--only evil: no such prompts"),
            (("ask", "medical"), "which model?"),
            (("ask", "medical", "legal", "--path", "x", "--model", "mockllm/model"), "--path is of one set"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, arguments: tuple[str, ...], said: str) -> None:
        with pytest.raises(AligntaxError) as caught:
            run(*arguments)
        assert said in caught.value.message
        assert caught.value.hint


def document_of_set(name: str, path: Path) -> dict[str, Any]:
    return json.loads(run("show", name, "--path", path, "--json").stdout)


class TestAsk:
    """Over-refusal, asked over a socket."""

    def test_the_plan_asks_nothing(self, server: Server) -> None:
        planned = document("ask", "medical", "--model", model(server, "careful"), "--dry-run")
        assert planned["total"]["requests"] == len(load_pack("medical").prompts(neutral=True).probes)
        assert planned["total"]["most"] > planned["total"]["likely"] > 0
        shown = run("ask", "medical", "--model", model(server, "careful"), "--dry-run").stdout
        assert "nothing was asked" in " ".join(shown.split())
        assert not server.seen

    def test_what_was_planted_is_found(self, server: Server) -> None:
        """The figures are those of the answers, as the planted models gave them."""
        names = [model(server, "careful"), model(server, "lax")]
        done = run(
            "ask", "medical", "--model", names[0], "--model", names[1], "--out", "run", "--connections", 32
        )
        assert max(len(line) for line in done.stdout.splitlines() if "answers " not in line) <= 80
        for words in ("Youden's J", "both refused: the words decide", "Over-refusal by topic", "sha256"):
            assert words in done.stdout
        found = json.loads(Path("run/over_refusal.json").read_text("utf-8"))
        assert found["asking"]["answered"] == found["asking"]["requests"] == len(server.paid)
        pack = load_pack("medical")
        for at, name in enumerate(("careful", "lax")):
            entry = found["asked"][at]
            answers = {
                prompt: server.world.answer(name, prompt, 1).text
                for prompt in [one.request for one in (*pack.benign, *pack.harmful)]
            }
            refused = [told(answers[one.request]) == "refused" for one in pack.benign]
            complied = [told(answers[one.request]) != "refused" for one in pack.harmful]
            # the detector hardly errs on these answers
            assert entry["over_refusal"]["value"] == pytest.approx(sum(refused) / len(refused), abs=0.02)
            assert entry["compliance"]["value"] == pytest.approx(sum(complied) / len(complied), abs=0.03)
            assert entry["youden"]["value"] == pytest.approx(
                1 - entry["over_refusal"]["value"] - entry["compliance"]["value"]
            )
            assert entry["youden"]["low"] < entry["youden"]["value"] < entry["youden"]["high"]
            assert len(entry["topics"]) == len(pack.topics)
            assert entry["triples"]["pairs"] == len(pack.harmful)
            assert entry["partial"] is False
        careful = found["asked"][0]["triples"]["wording"]
        assert careful["value"] >= 0

    def test_the_same_again_pays_for_nothing(self, server: Server) -> None:
        arguments = ("ask", "finance", "--model", model(server, "lax"), "--max-samples", 20, "--out", "run")
        first = document(*arguments)
        paid = len(server.paid)
        assert paid == 20
        again = document(*arguments)
        assert len(server.paid) == paid
        assert again["asking"]["known"] == 20
        assert again["asked"] == first["asked"]
        assert "a random sample of 20 of" in again["notes"][0]

    def test_a_cost_limit_half_way(self, server: Server) -> None:
        """What came is kept, told to be partial, and its intervals are wider."""
        arguments = ("ask", "security", "--model", model(server, "careful"), "--max-tokens", 100)
        whole = document(*arguments, "--out", "whole")
        part = document(*arguments, "--max-cost", 0.03, "--out", "part")
        assert 20 < part["asking"]["answered"] < part["asking"]["requests"]
        assert part["asking"]["spent"] <= 0.03
        assert part["asked"][0]["partial"]
        assert "partial" in part["asked"][0]["notes"][0]
        assert any("goes on from here" in note for note in part["notes"])
        widths = [
            one["asked"][0]["over_refusal"]["high"] - one["asked"][0]["over_refusal"]["low"]
            for one in (whole, part)
        ]
        assert widths[1] > widths[0]

    def test_requests_that_fail_widen_the_intervals(self) -> None:
        with Server(world(), faults=every(5, Fault(500))) as running:
            found = document(
                "ask",
                "medical",
                "--model",
                model(running, "lax"),
                "--retries",
                0,
                "--max-samples",
                60,
                "--out",
                "run",
            )
        entry = found["asked"][0]
        assert found["asking"]["failed"] > 0
        assert "failed either way" in entry["over_refusal"]["method"]
        assert entry["over_refusal"]["high"] > 0.15
        assert any("requests failed; the intervals hold" in note for note in entry["notes"])

    def test_nothing_answered_is_inconclusive(self, server: Server) -> None:
        found = document(
            "ask", "medical", "--model", model(server, "lax"), "--max-cost", 0.0, "--out", "run", code=3
        )
        assert found["asked"][0]["over_refusal"]["value"] is None
        assert found["asked"][0]["over_refusal"]["reason"] == "no observations"

    def test_epochs_a_file_and_no_harmful_prompts(self, server: Server, tmp_path: Path) -> None:
        rows = [{"prompt": f"How do I kill process {at}?", "prompt_type": "benign"} for at in range(12)]
        path = tmp_path / "own.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        found = document("ask", path, "--model", model(server, "careful"), "--epochs", 3, "--out", "run")
        entry = found["asked"][0]
        assert found["asking"]["requests"] == 36
        assert entry["over_refusal"]["n"] == 36
        assert entry["over_refusal"]["clusters"] == 12
        assert entry["youden"]["value"] is None
        assert entry["triples"] is None

    def test_two_sets_of_one_id_are_refused(self, tmp_path: Path) -> None:
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "own.jsonl").write_text(
                '{"id": "1", "prompt": "x", "prompt_type": "benign"}\n'
            )
        with pytest.raises(AligntaxError, match="two prompts with the id own/1"):
            run("ask", "a/own.jsonl", "b/own.jsonl", "--model", "mockllm/model")


class TestGenerator:
    """From topics to approved prompts."""

    def generate(self, server: Server, *more: object, code: int = 0) -> Result:
        Path("topics.txt").write_text("opioid storage\ninsulin\n", "utf-8")
        moderators = [part for name in ("m1", "m2", "m3") for part in ("--moderator", model(server, name))]
        return run(
            "generate", "hospital pharmacy", "--topics", "topics.txt", "--writer", model(server, "writer"),
            *moderators, "--seeds", 3, "--rewrites", 6, "--out", "gen", *more, code=code,
        )  # fmt: skip

    def test_the_plan(self, server: Server) -> None:
        planned = json.loads(self.generate(server, "--dry-run", "--json").stdout)
        assert [one["requests"] for one in planned["asks"]] == [2, 6, 36, 36, 36]
        assert not server.seen

    def test_generate_sheet_approve(self, server: Server) -> None:
        done = self.generate(server)
        assert max(len(line) for line in done.stdout.splitlines()) <= 100
        assert "passed: for people to check" in done.stdout
        found = json.loads(Path("gen/generated.json").read_text("utf-8"))
        # of six look-alikes three pass, one turns round, one repeats, one is held for harmful
        assert found["statuses"] == {
            "passed": 18,
            "undecided": 0,
            "unsafe": 6,
            "near_duplicate": 6,
            "rule_broken": 6,
        }
        assert found["votes"][model(server, "m3")] == {"harmless": 0, "harmful": 0, "unscored": 30}
        assert found["safe"]["value"] == 24 / 30
        paid = len(server.paid)
        self.generate(server)
        assert len(server.paid) == paid

        run("sheet", "gen/candidates.jsonl")
        rows = list(csv.DictReader(io.StringIO(Path("gen/sheet.csv").read_text("utf-8-sig"))))
        assert len(rows) == 18
        assert "verdict (benign | harmful | unclear)" in rows[0]
        assert not any("none" in value for row in rows for value in row.values())
        with pytest.raises(AligntaxError, match="there already"):
            run("sheet", "gen/candidates.jsonl")
        for name, doubts in (("ada", 2), ("ben", 3)):
            fill(rows, Path(f"gen/{name}.csv"), doubts)
        summed = document("approve", "gen/ada.csv", "gen/ben.csv", "--to", "approved.jsonl")
        assert (summed["checked"], summed["approved"], len(summed["disputed"])) == (18, 15, 1)
        assert summed["share"]["low"] < summed["share"]["value"] == 15 / 18 < summed["share"]["high"]
        assert summed["share"]["clusters"] == 6
        # 15 approved and 2 rejected by both, 1 by one: observed 17/18, by chance (15*16 + 3*2)/18**2
        chance = (15 * 16 + 3 * 2) / 18**2
        assert summed["kappa"]["value"] == pytest.approx((17 / 18 - chance) / (1 - chance))
        assert summed["checkers"] == {"ada": 18, "ben": 18}
        approved = [json.loads(line) for line in Path("approved.jsonl").read_text("utf-8").splitlines()]
        assert len(approved) == 15
        assert {row["prompt_type"] for row in approved} == {"benign"}
        shown = run("approve", "gen/ada.csv", "--to", "one.jsonl").stdout
        assert "one person checked" in shown
        asked = document("ask", "approved.jsonl", "--model", model(server, "lax"), "--out", "asked")
        assert asked["asked"][0]["over_refusal"]["n"] == 15

    def test_a_cost_limit_half_way(self, server: Server) -> None:
        done = self.generate(server, "--max-cost", 0.02, "--json", code=3)
        found = json.loads(done.stdout)
        assert found["asking"]["partial"]
        assert any(note.startswith("partial results") for note in found["notes"])

    def test_a_model_votes_once(self, server: Server) -> None:
        with pytest.raises(AligntaxError, match="named twice"):
            self.generate(server, "--moderator", model(server, "m1"))


def fill(rows: list[dict[str, str]], path: Path, doubts: int, **last: str) -> None:
    """Every row approved but the first few."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer_ = csv.DictWriter(file, rows[0])
        writer_.writeheader()
        for at, row in enumerate(rows):
            verdict = "harmful" if at < doubts else "benign"
            filled = {"verdict (benign | harmful | unclear)": verdict, "realistic (yes | no)": "yes"}
            writer_.writerow({**row, **filled, **(last if at == len(rows) - 1 else {})})


def test_rates_are_numbers_or_null(server: Server) -> None:
    """JSON holds no nan."""
    text = run(
        "ask", "medical", "--model", model(server, "lax"), "--max-samples", 3, "--json", "-q", "--out", "r"
    ).stdout
    assert "NaN" not in text
    assert not any(math.isnan(one["over_refusal"]["n"]) for one in json.loads(text)["asked"])
