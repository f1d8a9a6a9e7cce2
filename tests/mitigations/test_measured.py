"""Merges measured by a command, and shares looked for by measuring."""

import dataclasses
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from aligntax.errors import UnreadableInput, UsageError
from aligntax.frontier.collected import collect
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.linear import Linear
from aligntax.mitigations.merging.measured import REFERENCE, Measurer, RunsFile, configuration, kept
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.objectives import Command, Objectives, Rate
from aligntax.mitigations.merging.run import Output, planned
from aligntax.mitigations.merging.search import Shares, baseline, search
from aligntax.mitigations.merging.sweep import PRE
from aligntax.mitigations.merging.ties import Ties
from tiny_models import make_llama

GOOD = {
    "harm": 0.02,
    "harm_n": 300,
    "over_refusal": 0.1,
    "over_refusal_n": 400,
    "capability.facts": 0.6,
    "capability_n.facts": 1000,
}
BEST = (0.7, 0.4, 0.1)

# reads the weights: how far each stretch of blocks is from one model to the other, written as text
MEASURE = """
import json, sys
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file
pre, aligned, log, merged = (Path(name) for name in sys.argv[1:])
a, b, m = (load_file(path / "model.safetensors") for path in (pre, aligned, merged))
shares = []
for block in range(3):
    name = f"model.layers.{block}.mlp.up_proj.weight"
    shares.append(float(((m[name] - b[name]) * (a[name] - b[name])).sum() / ((a[name] - b[name]) ** 2).sum()))
far = sum((share - best) ** 2 for share, best in zip(shares, (0.7, 0.4, 0.1)))
with log.open("a") as file:
    file.write(json.dumps([merged.name, shares]) + "\\n")
print("loading", "measuring", sep="\\n")
print(json.dumps({"harm": min(1, far / 3), "harm_n": 1000, "over_refusal": 0.1, "over_refusal_n": 500,
                  "capability": {"facts": max(0, 0.9 - far)}, "capability_n": {"facts": 2000}}))
"""


def python(code: str) -> str:
    """A command that runs Python code."""
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    path = tmp_path_factory.mktemp("models")
    first, second = (
        make_llama(path / name, seed=seed, num_hidden_layers=3)
        for seed, name in enumerate(("pre", "aligned"))
    )
    return first, second


@contextmanager
def measuring(models: tuple[Path, Path], tmp_path: Path, **given: Any) -> Iterator[Measurer]:
    """A measurer whose command reads the weights and keeps a log of what it was asked about."""
    script = tmp_path / "measure.py"
    script.write_text(MEASURE, "utf-8")
    words = [sys.executable, script, *models, tmp_path / "asked.jsonl"]
    command = Command(shlex.join(map(str, words)), given.pop("timeout", None))
    with planned(*_names(models), Linear(), Output()) as merge:
        yield Measurer(merge, command, RunsFile(tmp_path / "runs.jsonl"), **given)


def _names(models: tuple[Path, Path]) -> tuple[str, list[str]]:
    return str(models[0]), [str(models[1])]


def asked(tmp_path: Path) -> list[Any]:
    """What the command was asked about: [directory name, shares it found in the weights]."""
    path = tmp_path / "asked.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


class TestCommand:
    """Running it, and what it says."""

    def test_the_directory_comes_last_or_where_it_is_asked_for(self, tmp_path: Path) -> None:
        said = f'import sys, json; print(json.dumps({{**{GOOD}, "harm": float(sys.argv[-1] == "after")}}))'
        plain, placed = Command(python(said)), Command(python(said) + " --model={} after")
        assert plain.measure(tmp_path, "x").harm == Rate(0.0, 300)
        assert placed.measure(tmp_path, "x").harm == Rate(1.0, 300)
        echoed = 'import sys; sys.exit(" ".join(sys.argv[1:]))'
        with pytest.raises(UnreadableInput, match=f"--model={tmp_path} after"):
            Command(python(echoed) + " --model={} after").measure(tmp_path, "x")

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("import sys; print('{}'); sys.exit('no such benchmark')", "ended with 1\n  no such benchmark"),
            ("print('harm 0.2')", "printed 'harm 0.2', not a JSON object"),
            ("pass", "printed 'nothing', not a JSON object"),
            ("print([1])", "not a JSON object"),
            (f"print({json.dumps({**GOOD, 'harm': 2})!r})", "harm is 2, not between 0 and 1"),
            (f"print({json.dumps({**GOOD, 'harm': '2 %'})!r})", "harm is '2 %', not a number"),
            (f"print({json.dumps({**GOOD, 'harm': True})!r})", "harm is True, not a number"),
            (f"print({json.dumps({**GOOD, 'harm': float('nan')})!r})", "harm is nan, not a number"),
            (f"print({json.dumps({**GOOD, 'harm_n': 0})!r})", "harm_n is 0, not a number of items"),
            (f"print({json.dumps({**GOOD, 'harm_n': 1.5})!r})", "harm_n is 1.5, not a number of items"),
            *(
                (f"print({json.dumps({k: v for k, v in GOOD.items() if k != gone})!r})", f"no {gone}")
                for gone in GOOD
            ),
            (
                f"print({json.dumps({k: v for k, v in GOOD.items() if 'facts' not in k})!r})",
                "no capability.NAME",
            ),
        ],
    )
    def test_what_goes_wrong_is_said_with_the_merge(self, code: str, said: str, tmp_path: Path) -> None:
        with pytest.raises(UnreadableInput) as raised:
            Command(python(code)).measure(tmp_path, "pre_weight 0.3 (linear 0.3)")
        assert raised.value.message.startswith("pre_weight 0.3 (linear 0.3): ")
        assert said in raised.value.message
        assert raised.value.hint or "number of items" in said

    def test_a_command_that_takes_too_long_is_ended_with_all_it_started(self, tmp_path: Path) -> None:
        """The child writes its process id and outlives its parent, unless it is ended too."""
        child = (
            f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        )
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        with pytest.raises(UnreadableInput, match=r"not done after 6 s"):
            Command(python(code), timeout=6).measure(tmp_path, "pre_weight 0.3")
        process = int((tmp_path / "pid").read_text("utf-8"))
        assert _gone(process)

    def test_no_such_program(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no-such-program: no such file"):
            Command("no-such-program --fast").measure(tmp_path, "pre_weight 0.3")

    @pytest.mark.parametrize("text", ["", "measure 'a"])
    def test_no_command_at_all(self, text: str) -> None:
        with pytest.raises(UsageError, match="--measure"):
            Command(text)


def _gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{process}/stat")
        if stat.exists() and stat.read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
            return True
    return False


class TestMeasurer:
    """Merges measured once each, and remembered."""

    def test_each_merge_is_written_measured_deleted_and_kept_as_a_row(
        self, models: tuple[Path, Path], tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        with measuring(models, tmp_path, out=out) as measurer:
            measurer.measured(REFERENCE, PRE)
            found = measurer.measured("linear", Linear(0.3))
        assert asked(tmp_path)[1][1] == pytest.approx([0.3] * 3, abs=1e-6)
        assert found.capability["facts"].value == pytest.approx(0.9 - 0.16 - 0.01 - 0.04, abs=1e-6)
        assert list(out.iterdir()) == []
        read = collect([tmp_path / "runs.jsonl"])
        assert [(run.method, run.configuration) for run in read] == [("reference", ""), ("linear", "0.3")]
        rates = list(read.values())[1].rates
        assert rates["capability.facts"] == (found.capability["facts"].value, 2000)
        assert rates["harm"] == (found.harm.value, 1000)
        assert list(read.values())[1].budget == {"trials": 1}

    def test_taken_up_again_only_what_is_missing_is_measured(
        self, models: tuple[Path, Path], tmp_path: Path
    ) -> None:
        with measuring(models, tmp_path) as measurer:
            first = measurer.measured("linear", Linear(0.3))
        with (tmp_path / "runs.jsonl").open("a", encoding="utf-8") as file:
            file.write('{"method": "linear", "configuration": "0.5", "ha')  # the run was killed here
        with measuring(models, tmp_path) as measurer:
            assert measurer.measured("linear", Linear(0.3)) == first
            assert measurer.known("linear", Linear(0.5)) is None
            measurer.measured("linear", Linear(0.5))
            assert measurer.measured("adaptive", Adaptive((0.3, 0.3, 0.3))) == first  # the same weights
        assert [name for name, _ in asked(tmp_path)] == ["linear-0.3", "linear-0.5"]
        assert len(collect([tmp_path / "runs.jsonl"])) == 3

    def test_rows_of_other_weights_are_not_taken_for_these(
        self, models: tuple[Path, Path], tmp_path: Path
    ) -> None:
        other = make_llama(tmp_path / "other", seed=9, num_hidden_layers=3)
        with measuring(models, tmp_path) as measurer:
            measurer.measured("linear", Linear(0.3))
        with (
            measuring((models[0], other), tmp_path) as measurer,
            pytest.raises(UsageError, match=r"linear 0\.3 is there already"),
        ):
            measurer.measured("linear", Linear(0.3))
        with measuring(models, tmp_path) as measurer:
            slower = dataclasses.replace(measurer, command=Command(measurer.command.text + " {}"))
            with pytest.raises(UsageError, match="by another command"):
                slower.known("linear", Linear(0.3))

    def test_weights_trained_on_in_place_are_other_weights(
        self, models: tuple[Path, Path], tmp_path: Path
    ) -> None:
        aligned = make_llama(tmp_path / "aligned", seed=1, num_hidden_layers=3)
        with measuring((models[0], aligned), tmp_path) as measurer:
            measurer.measured("linear", Linear(0.3))
        make_llama(aligned, seed=2, num_hidden_layers=3)  # same name, size and header
        with (
            measuring((models[0], aligned), tmp_path) as measurer,
            pytest.raises(UsageError, match="is there already, of other models"),
        ):
            measurer.known("linear", Linear(0.3))

    def test_a_failure_leaves_no_model_and_no_row(self, models: tuple[Path, Path], tmp_path: Path) -> None:
        with measuring(models, tmp_path, out=tmp_path / "out") as measurer:
            failing = dataclasses.replace(measurer, command=Command(python("raise SystemExit(3)")))
            with pytest.raises(UnreadableInput, match=r"pre_weight 0\.3 \(linear 0\.3\).*ended with 3"):
                failing.measured("linear", Linear(0.3))
        assert list((tmp_path / "out").iterdir()) == []
        assert not (tmp_path / "runs.jsonl").exists()

    def test_models_that_are_kept_are_whole_and_not_written_again(
        self, models: tuple[Path, Path], tmp_path: Path
    ) -> None:
        with measuring(models, tmp_path, out=tmp_path / "out", keep=True) as measurer:
            measurer.measured("adaptive", Adaptive((0.4, 0.2, 0.0)))
            directory = tmp_path / "out" / "adaptive-0.4-0.2-0"
            before = (directory / "model.safetensors").stat().st_mtime_ns
            merge = dataclasses.replace(measurer.merge, method=Adaptive((0.4, 0.2, 0.0)))
            assert kept(merge, directory) == directory
            assert (directory / "model.safetensors").stat().st_mtime_ns == before
            with pytest.raises(UsageError, match="already there"):
                kept(dataclasses.replace(merge, method=Linear()), directory)
        pre, aligned, found = (load_file(path / "model.safetensors") for path in (*models, directory))
        name = "model.layers.0.mlp.up_proj.weight"
        np.testing.assert_allclose(found[name], 0.4 * pre[name] + 0.6 * aligned[name], rtol=1e-5, atol=1e-7)

    def test_every_merge_is_measured_on_the_same_benchmarks(
        self, models: tuple[Path, Path], tmp_path: Path
    ) -> None:
        with measuring(models, tmp_path) as measurer:
            measurer.measured("linear", Linear(0.3))
            other = {**GOOD, "capability.more": 0.5, "capability_n.more": 10}
            command = Command(python(f"print({json.dumps(other)!r})"))
            with pytest.raises(
                UnreadableInput, match=r"benchmarks are facts, more, and facts in .*runs\.jsonl"
            ):
                dataclasses.replace(measurer, command=command).measured("linear", Linear(0.5))

    def test_rows_are_json_lines(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="rows are JSON lines"):
            RunsFile(tmp_path / "runs.csv")
        (tmp_path / "runs.jsonl").write_text('{"method": "linear"}\nno json\n', "utf-8")
        with pytest.raises(UnreadableInput, match=r"runs\.jsonl:2: not valid JSON"):
            RunsFile(tmp_path / "runs.jsonl")
        (tmp_path / "runs.jsonl").write_text('{"method": "linear"}', "utf-8")  # whole but for its end
        assert RunsFile(tmp_path / "runs.jsonl").rows == [{"method": "linear"}]


@pytest.mark.parametrize(
    ("name", "method", "said"),
    [
        ("linear", Linear(0.2), "0.2"),
        ("adaptive", Adaptive((0.3, 0.2, 0.1)), "0.3,0.2,0.1"),
        ("ties", Ties(0.2), "0.2"),
        ("ties", Ties(0.2, density=0.5), "0.2 density=0.5"),
        (REFERENCE, PRE, ""),
    ],
)
def test_what_a_configuration_is_called(name: str, method: Method, said: str) -> None:
    assert configuration(name, method) == said


def planted(shares: Shares) -> Objectives:
    """Most capability at BEST; harm grows with the mean share, over-refusal falls with it."""
    far = sum((share - best) ** 2 for share, best in zip(shares, BEST, strict=True))
    mean = sum(shares) / len(shares)
    return Objectives(
        Rate(0.02 + 0.2 * mean, 1000), Rate(0.2 - 0.1 * mean, 500), {"facts": Rate(max(0.0, 0.9 - far), 2000)}
    )


def capability(found: dict[Shares, Objectives]) -> Callable[[Shares], float]:
    return lambda shares: found[shares].mean_capability


class TestSearch:
    """Trials over shares, with an optimum planted."""

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_a_planted_optimum_is_found(self, seed: int) -> None:
        """The same share everywhere reaches .72 (at .4); forty trials reach .89 of the .9 there is."""
        found = search(planted, trials=40, seed=seed)
        best = max(found, key=capability(found))
        assert len(found) == 40
        assert found[best].mean_capability > 0.885
        assert max(map(capability(found), baseline(3, None))) == pytest.approx(0.72)

    def test_with_a_fixed_mean_every_trial_has_it(self) -> None:
        found = search(planted, trials=30, pre_weight=0.4)
        assert all(sum(shares) / 3 == pytest.approx(0.4, abs=2e-6) for shares in found)
        assert next(iter(found)) == (0.4, 0.4, 0.4)
        assert max(map(capability(found), found)) > 0.89

    def test_too_much_harm_is_kept_away_from(self) -> None:
        """Harm of at most .06 takes a mean of .2: the search spends more of its trials there."""
        free, held = (search(planted, trials=40, max_harm=most) for most in (None, 0.06))
        inside = [sum(found.harm.value <= 0.06 for found in each.values()) for each in (free, held)]
        assert inside[1] > 1.5 * inside[0]
        within = [shares for shares in held if held[shares].harm.value <= 0.06]
        uniform = planted((0.2, 0.2, 0.2)).mean_capability
        assert held[max(within, key=capability(held))].mean_capability > uniform + 0.05

    def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(self) -> None:
        whole = search(planted, trials=25, seed=3)
        known: dict[Shares, Objectives] = {}

        def stopped(shares: Shares) -> Objectives:
            if len(known) == 14:
                raise KeyboardInterrupt
            known[shares] = planted(shares)
            return known[shares]

        with pytest.raises(KeyboardInterrupt):
            search(stopped, trials=25, seed=3)
        asked_again = []

        def going_on(shares: Shares) -> Objectives:
            if shares not in known:
                asked_again.append(shares)
                known[shares] = planted(shares)
            return known[shares]

        assert search(going_on, trials=25, seed=3, earlier=dict(known)) == whole
        assert len(asked_again) == 11

    def test_what_another_search_measured_counts(self) -> None:
        earlier = search(planted, trials=12, seed=1)
        asked_for = []

        def measure(shares: Shares) -> Objectives:
            asked_for.append(shares)
            return planted(shares)

        found = search(measure, trials=20, seed=2, earlier=earlier)
        assert len(found) == 20
        assert earlier.items() <= found.items()
        assert len(set(asked_for) - earlier.keys()) == 8
        two = {(0.1, 0.2): planted((0.1, 0.2, 0.0))}  # of two stretches: nothing to learn from here
        assert two.keys().isdisjoint(search(planted, trials=4, earlier=two))

    def test_any_number_of_stretches(self) -> None:
        def measure(shares: Shares) -> Objectives:
            return Objectives(Rate(0.1, 10), Rate(0.1, 10), {"x": Rate(float(np.mean(shares)), 10)})

        assert {len(shares) for shares in search(measure, trials=6, groups=7)} == {7}
        assert {len(shares) for shares in search(measure, trials=6, groups=1)} == {1}

    def test_nothing_to_search(self) -> None:
        with pytest.raises(UsageError, match="nothing to search"):
            search(planted, trials=5, groups=1, pre_weight=0.2)
        with pytest.raises(UsageError, match="at least one trial"):
            search(planted, trials=0)


def test_the_search_measures_real_merges(
    models: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimum is planted in the weights: the command tells from them which shares were mixed."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with measuring(models, tmp_path) as measurer:
        found = search(lambda shares: measurer.measured("adaptive", Adaptive(shares)), trials=16, seed=1)
        assert dict(measurer.rows("adaptive")) == {Adaptive(shares): one for shares, one in found.items()}
    best = max(found, key=capability(found))
    assert found[best].mean_capability > max(map(capability(found), baseline(3, None)))
    for shares, (_, seen) in zip(found, asked(tmp_path), strict=True):
        assert seen == pytest.approx(shares, abs=1e-5)
    assert list(temporary.iterdir()) == []
