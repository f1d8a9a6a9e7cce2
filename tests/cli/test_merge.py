"""`aligntax merge` from files to figures: a merge, fitted shares, a curve, a search."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aligntax.cli.merge import run
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.frontier.collected import collect
from aligntax.mitigations.merging.proxy import Sample, losses, read_samples
from aligntax.models.causal import load_causal
from tests_commands import apart, checked, fine, wrong
from tiny_models import make_llama
from tiny_world import HARMFUL, TOPICS, ask, tiny_world

# harm grows with the share of the pre-alignment model; capability is highest at shares 0.6, 0.3, 0
MEASURE = """
import json, sys
from pathlib import Path
settings = json.loads((Path(sys.argv[1]) / "aligntax_merge.json").read_text())["settings"]
mean = settings["pre_weight"]
shares = settings.get("shares") or [mean] * 3
far = sum((share - best) ** 2 for share, best in zip(shares, (0.6, 0.3, 0.0)))
print(json.dumps({"harm": round(500 * (0.02 + 0.1 * mean)) / 500, "harm_n": 500,
                  "over_refusal": 0.2 - 0.1 * mean, "over_refusal_n": 400,
                  "capability.facts": max(0, 0.8 - far / 4), "capability_n.facts": 1000,
                  "capability.sums": 0.5, "capability_n.sums": 200}))
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tiny world with its texts: answers of the aligned model, facts, prompts."""
    pre, aligned = tiny_world()
    path = tmp_path_factory.mktemp("world")
    answers = [ask(topic, topic in HARMFUL) for topic in TOPICS]
    rows = [{"prompt": prompt, "response": answer} for prompt, answer in answers] * 3
    (path / "proxy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (path / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt, _ in answers), "utf-8")
    (path / "text.txt").write_text("\n\n".join(_facts()), "utf-8")
    (path / "measure.py").write_text(MEASURE, "utf-8")
    return {
        "models": {"pre": str(pre), "aligned": [str(aligned)]},
        "proxy": path / "proxy.jsonl",
        "prompts": path / "prompts.txt",
        "text": path / "text.txt",
        "measure": shlex.join([sys.executable, str(path / "measure.py")]),
    }


def _facts() -> list[str]:
    """The chains of the tiny world, as its docstring tells them."""
    found = []
    for word in range(20):
        chain = [word]
        for step in range(4):
            chain.append((7 * chain[-1] + 3 * step + 5) % 20)
        found.append(f"<s> w20 {' '.join(f'w{at}' for at in chain)} </s>")
    return found


def said(capsys: pytest.CaptureFixture[str], **given: Any) -> str:
    """What the command prints on 80 columns."""
    run(quiet=True, **given)
    return " ".join(capsys.readouterr().out.split())


def document(capsys: pytest.CaptureFixture[str], **given: Any) -> Any:
    """What it prints as JSON."""
    run(quiet=True, as_json=True, **given)
    return json.loads(capsys.readouterr().out)


class TestFit:
    """`--method adaptive --proxy`."""

    def test_fitted_shares_are_merged_and_the_fit_is_kept_beside_them(
        self, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "merged"
        record = document(
            capsys, **world["models"], method="adaptive", proxy=world["proxy"], pre_weight=0.3, out=out
        )
        fit = record["fit"]
        assert json.loads((out / "aligntax_fit.json").read_text("utf-8")) == fit
        assert fit["schema"] == "aligntax.merge_fit/1"
        assert record["settings"]["shares"] == fit["shares"]
        assert sum(fit["shares"]) / 3 == pytest.approx(0.3)
        assert fit["passes"] <= 40
        assert (fit["proxy"]["samples"], fit["proxy"]["left_out"]) == (
            20,
            40,
        )  # each stands there three times
        assert fit["taken"] == (fit["gain"]["low"] > 0)
        assert fit["shares"] == (fit["fitted"] if fit["taken"] else [0.3] * 3)
        losses_tried = {tuple(each["shares"]): each["loss"] for each in fit["tried"]}
        assert min(losses_tried, key=lambda shares: losses_tried[shares]) == tuple(fit["fitted"])
        assert load_causal(str(out)).model.num_parameters() > 0

    def test_what_is_said_of_a_fit(self, world: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
        given = {**world["models"], "method": "adaptive", "proxy": world["proxy"], "dry_run": True}
        fit = document(capsys, **given)["fit"]
        text = said(capsys, **given)
        assert "Fitted shares" in text
        assert f"by {fit['passes']} passes over 20 samples (40 left out)" in text
        assert "Would merge adaptive" in text
        if fit["taken"]:
            assert "On held-out samples better than 0.2 everywhere by" in text
            assert fit["direction"] in ("early", "late", "neither")
        else:
            assert "Cannot tell: on held-out samples the gain is" in text
            assert fit["direction"] == "cannot tell"
            assert "cannot tell whether early or late blocks" in text

    def test_samples_are_drawn_from_the_aligned_model_and_kept(
        self, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Its own answers: likely under it, refusals of what is harmful among them."""
        given = {
            **world["models"],
            "method": "adaptive",
            "proxy_prompts": world["prompts"],
            "proxy_samples": 45,
            "max_new_tokens": 8,
            "dry_run": True,
            "seed": 5,
        }
        fit = document(capsys, **given, save_proxy=tmp_path / "drawn.jsonl")["fit"]
        samples = read_samples(tmp_path / "drawn.jsonl")
        assert len(samples) == 45
        assert fit["proxy"]["samples"] == len(set(samples))
        assert len({sample.prompt for sample in samples}) == len(TOPICS)
        harmful = {ask(topic, True)[0] for topic in HARMFUL}
        refused = {
            kind: np.mean([s.response.startswith("w34") for s in samples if (s.prompt in harmful) == kind])
            for kind in (True, False)
        }
        assert refused[True] > 0.5 > refused[False]
        other = Sample(samples[0].prompt, "w9 w8 w7 w6")
        own = load_causal(world["models"]["aligned"][0])
        assert losses(own, samples).mean < losses(own, [other]).mean / 2
        document(capsys, **given, save_proxy=tmp_path / "again.jsonl")
        assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "drawn.jsonl").read_bytes()

    def test_more_stretches_than_blocks(self, world: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="9 stretches of a model with 4 blocks"):
            run(**world["models"], method="adaptive", proxy=world["proxy"], groups=9, dry_run=True)


class TestSweep:
    """`--sweep`."""

    def test_the_curve_of_the_tiny_world(
        self, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Its numbers are those of the models; it says that capability comes back and alignment is lost."""
        given = {
            **world["models"],
            "sweep": True,
            "grid": "0,0.2,0.5,1",
            "proxy": world["proxy"],
            "text": world["text"],
        }
        found = document(capsys, **given, chart=tmp_path / "curve.png")
        assert found["schema"] == "aligntax.merge_sweep/1"
        facts = [Sample("", text) for text in _facts()]
        for name, samples in (("proxy", read_samples(world["proxy"])), ("text", facts)):
            pre, aligned = (losses(load_causal(path), samples) for path in _paths(world))
            first, *_, last = (point["texts"][name] for point in found["points"])
            assert first["more_than_aligned"] is None
            assert last["more_than_pre"] is None
            assert first["loss"]["value"] == aligned.mean
            assert last["loss"]["value"] == pre.mean
            assert last["more_than_aligned"]["value"] == pytest.approx(pre.mean - aligned.mean)
            assert first["more_than_pre"]["value"] == pytest.approx(aligned.mean - pre.mean)
            steps = np.diff([point["texts"][name]["loss"]["value"] for point in found["points"]])
            assert (steps > 0).all() if name == "proxy" else (steps < 0).all()
        assert {v["about"]: v["verdict"] for v in found["verdicts"]} == {"proxy": "rises", "text": "falls"}
        assert [point["same_as"] for point in found["points"]] == ["aligned", None, None, "pre"]
        assert (tmp_path / "curve.png").stat().st_size > 10_000
        text = said(capsys, **given)
        assert "Alignment is lost as pre_weight rises: at 1 the proxy samples cost" in text
        assert "Capability comes back as pre_weight rises: at 1 the text costs" in text
        assert not list(tmp_path.glob("**/*.safetensors"))

    @pytest.mark.parametrize("dtype", [None, "bfloat16"])
    def test_with_a_directory_every_merge_is_written(
        self, dtype: str | None, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And what is written has the loss that was told of it."""
        given = {"sweep": True, "grid": "0.2,0.6", "method": "lines", "text": world["text"]}
        found = document(capsys, **world["models"], **given, out=tmp_path / "out", dtype=dtype)
        facts = [Sample("", text) for text in _facts()]
        for name, point in zip(("lines-0.2", "lines-0.6"), found["points"], strict=True):
            own = losses(load_causal(str(tmp_path / "out" / name)), facts)
            assert point["texts"]["text"]["loss"]["value"] == own.mean
        assert len(list((tmp_path / "out").iterdir())) == 2

    def test_adaptive_is_swept_through_its_shares(
        self, world: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = {"sweep": True, "grid": "0,0.1,1", "method": "adaptive", "shares": "0.3,0.2,0.1"}
        found = document(capsys, **world["models"], **given, text=world["text"])
        assert [p["shares"] for p in found["points"]] == [[0, 0, 0], [0.15, 0.1, 0.05], [1, 1, 1]]

    def test_measured_by_a_command_row_by_row(
        self, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        runs = tmp_path / "runs.jsonl"
        given = {**world["models"], "sweep": True, "grid": "0,0.5,1", "measure": world["measure"]}
        found = document(capsys, **given, runs=runs, chart=tmp_path / "curve.svg")
        harm = [point["measured"]["harm"] for point in found["points"]]
        assert [each["value"] for each in harm] == pytest.approx([0.02, 0.07, 0.12])
        assert harm[0]["method"] == "Clopper-Pearson"
        assert harm[0]["low"] < 0.02 < harm[0]["high"] < 0.037
        facts = found["points"][1]["measured"]["capability"]["facts"]
        assert (facts["value"], facts["n"]) == (pytest.approx(0.8 - 0.075), 1000)
        mean = found["points"][1]["measured"]["mean_capability"]
        assert mean["value"] == pytest.approx((0.725 + 0.5) / 2)
        assert mean["low"] < mean["value"] < mean["high"]
        verdicts = {verdict["about"]: verdict["verdict"] for verdict in found["verdicts"]}
        assert verdicts == {"harm": "rises", "over_refusal": "falls", "mean_capability": "falls"}
        assert [run.configuration for run in collect([runs])] == ["", "0", "0.5", "1"]
        text = said(capsys, **given, runs=runs)
        assert "Harm rises from pre_weight 0 to 1: +10.0 points (" in text
        fine("frontier", runs, "--harm", "0.05", "--quiet", cwd=tmp_path)

    def test_a_sweep_that_stopped_goes_on(
        self, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The command fails at the third model; what was measured before is not measured again."""
        count = tmp_path / "count"
        code = (
            f"import pathlib, sys; count = pathlib.Path({str(count)!r}); "
            "done = int(count.read_text()) if count.exists() else 0; count.write_text(str(done + 1)); "
            f"sys.exit('no GPU') if done == 2 else exec({MEASURE!r})"
        )
        given = {
            **world["models"],
            "sweep": True,
            "grid": "0,0.2,1",
            "measure": shlex.join([sys.executable, "-c", code]),
            "runs": tmp_path / "runs.jsonl",
        }
        with pytest.raises(UnreadableInput) as raised:
            run(**given, quiet=True)
        assert raised.value.message.startswith("pre_weight 0.2 (linear 0.2): ")
        assert raised.value.message.endswith("no GPU")
        assert len(collect([tmp_path / "runs.jsonl"])) == 2
        assert document(capsys, **given, dry_run=True)["plan"]["known"] == 3  # pre, 0, and 1, which is pre
        document(capsys, **given)
        assert count.read_text("utf-8") == "4"
        assert len(collect([tmp_path / "runs.jsonl"])) == 4


class TestSearch:
    """`--trials`."""

    def test_shares_are_looked_for_by_measuring(
        self, world: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = {
            **world["models"],
            "method": "adaptive",
            "measure": world["measure"],
            "trials": 14,
            "max_harm": 0.08,
            "runs": tmp_path / "runs.jsonl",
            "seed": 1,
        }
        found = document(capsys, **given, chart=tmp_path / "search.png")
        assert (found["kind"], len(found["points"])) == ("search", 14)
        assert [point["shares"] for point in found["points"][:2]] == [[0, 0, 0], [0.2, 0.2, 0.2]]
        best = {point["configuration"] for point in found["points"] if point["non_dominated"]}
        assert best == _best_by_brute_force(found["points"])
        chosen = next(p for p in found["points"] if p["configuration"] == found["chosen"]["configuration"])
        assert chosen["within"] == "yes"
        assert chosen["measured"]["harm"]["high"] <= 0.08
        text = said(capsys, **given)
        assert "--method adaptive --shares " + found["chosen"]["configuration"] in text
        assert "the best looks better than it is: measure it on fresh items" in text
        assert "Other methods need 14 configurations too" in text
        rows = collect([tmp_path / "runs.jsonl"])  # the second run measured nothing
        assert [run.method for run in rows].count("adaptive") == 14
        assert (tmp_path / "search.png").stat().st_size > 10_000


def _paths(world: dict[str, Any]) -> tuple[str, str]:
    return world["models"]["pre"], world["models"]["aligned"][0]


def _best_by_brute_force(points: list[Any]) -> set[str]:
    """Points, but for those shown to do too much harm, that no other one beats."""
    axes = {
        point["configuration"]: np.array(
            [
                point["measured"]["harm"]["value"],
                point["measured"]["over_refusal"]["value"],
                -point["measured"]["mean_capability"]["value"],
            ]
        )
        for point in points
        if point["within"] != "no"
    }
    return {
        name
        for name, mine in axes.items()
        if not any((other <= mine).all() and (other < mine).any() for other in axes.values())
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nowhere to write"),
        ({"method": "adaptive", "dry_run": True}, "adaptive needs the share of each stretch"),
        (
            {"method": "adaptive", "sweep": True, "text": Path("t")},
            "adaptive needs the share of each stretch",
        ),
        ({"proxy": Path("p"), "dry_run": True}, "linear has nothing to fit"),
        ({"sweep": True}, "nothing to measure the merges by"),
        ({"sweep": True, "text": Path("t"), "pre_weight": 0.2}, "--sweep goes over pre_weight"),
        ({"sweep": True, "text": Path("t"), "grid": "0,2"}, r"--grid 0,2: shares lie in \[0, 1\]"),
        ({"sweep": True, "text": Path("t"), "grid": "a"}, "--grid a: not numbers"),
        ({"sweep": True, "measure": "m"}, "has to be kept somewhere"),
        ({"sweep": True, "measure": "m", "runs": Path("r.csv")}, "rows are JSON lines"),
        ({"sweep": True, "measure": "m", "runs": Path("r.jsonl"), "keep": True}, "--keep: where"),
        (
            {"dry_run": True, "measure": "m", "runs": Path("r.jsonl")},
            "--measure goes with --sweep or --trials",
        ),
        ({"dry_run": True, "runs": Path("r.jsonl")}, "--runs goes with --measure"),
        ({"dry_run": True, "chart": Path("c.png")}, "--chart goes with"),
        ({"trials": 5}, "--trials looks for the shares of adaptive"),
        ({"trials": 5, "sweep": True, "text": Path("t")}, "one of them"),
        (
            {"method": "adaptive", "proxy": Path("p"), "proxy_prompts": Path("p"), "dry_run": True},
            "read or drawn",
        ),
        ({"method": "adaptive", "proxy": Path("p"), "shares": "1", "dry_run": True}, "by hand or fitted"),
        ({"method": "adaptive", "shares": "a", "dry_run": True}, "--shares a: not numbers"),
        (
            {"method": "adaptive", "proxy": Path("p"), "pre_weight": 1.2, "dry_run": True},
            "mean share of the pre-alignment model",
        ),
        ({"sweep": True, "text": Path("no-such-file.txt")}, "no-such-file.txt"),
        ({"sweep": True, "text": Path("t.txt"), "device": "tpu9"}, "--device tpu9"),
    ],
)
def test_what_makes_no_sense(
    given: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pre, aligned = (make_llama(tmp_path / name, seed=at) for at, name in enumerate(("pre", "aligned")))
    (tmp_path / "t.txt").write_text("w1 w2 w3", "utf-8")
    with pytest.raises(AligntaxError, match=message) as raised:
        run(pre=str(pre), aligned=[str(aligned)], quiet=True, **given)
    assert raised.value.hint or "no-such-file" in message
    assert {path.name for path in tmp_path.iterdir()} == {"pre", "aligned", "t.txt"}


def test_a_merge_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pre, aligned = (make_llama(tmp_path / name, seed=at) for at, name in enumerate(("pre", "aligned")))
    text = said(capsys, pre=str(pre), aligned=[str(aligned)], method="lines", out=tmp_path / "merged")
    assert "Merged lines" in text
    assert "block 0 0.2" in text
    assert "What it costs and brings is not measured yet" in text
    assert (tmp_path / "merged" / "model.safetensors").exists()
    assert not (tmp_path / "merged" / "aligntax_fit.json").exists()


def test_at_the_terminal(tmp_path: Path) -> None:
    """The plan of a sweep, in a process of its own, and a refusal."""
    pre, aligned = (make_llama(tmp_path / name, seed=at) for at, name in enumerate(("pre", "aligned")))
    given = ("merge", pre.name, aligned.name, "--sweep", "--measure", "x")
    done = checked(apart(*given, "--runs", "r.jsonl", "--dry-run", cwd=tmp_path))
    assert "Would sweep  linear" in done.stdout
    assert "0, 0.1, 0.2" in done.stdout
    assert "hint: --runs FILE.jsonl" in wrong(*given, cwd=tmp_path)
