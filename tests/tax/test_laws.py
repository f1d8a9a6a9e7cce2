"""Laws of the tax: planted parameters come back, and a law that is not there is not found."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.errors import AligntaxError, UsageError
from aligntax.stats.curves import fit_curve
from aligntax.stats.predictions import Floats
from aligntax.tax.laws import LAWS, LAWS_OF_KL, best_of_n_kl_bound, forgetting_power
from aligntax.tax.laws.asking import expected_tax, largest_within
from aligntax.tax.laws.checkpoints import Checkpoints, read_checkpoints
from aligntax.tax.laws.fit import Laws, fit_laws

KL = np.linspace(0.05, 2, 40)


def table(*, runs: list[str] | None = None, methods: list[str] | None = None, **numbers: Any) -> Checkpoints:
    """Checkpoints from arrays."""
    arrays = {name: np.asarray(values, dtype=float) for name, values in numbers.items()}
    count = len(next(iter(arrays.values())))
    names = {name: name for name in arrays}
    return Checkpoints(names, arrays, methods or [""] * count, runs, ["run"] if runs else [])


def a_world(seed: int = 0, *, noise: float = 0.01, runs: int = 20, each: int = 6) -> Checkpoints:
    """Tax by KL on capability text alone, that of a run resembling each other."""
    generator = np.random.default_rng(seed)
    capability = generator.lognormal(-1, 0.6, (runs, 1)) * np.arange(1, each + 1) / each
    alignment = generator.lognormal(0, 0.6, (runs, each))
    errors = noise * (generator.standard_normal((runs, 1)) + generator.standard_normal((runs, each)))
    return table(
        tax=(0.3 * capability + errors).ravel(),
        kl_capability=capability.ravel(),
        kl_alignment=alignment.ravel(),
        runs=[f"run {run}" for run in range(runs) for _ in range(each)],
    )


@pytest.mark.parametrize(
    ("name", "truth", "planted"),
    [
        ("kl-proportional", 0.3 * KL, [0.3]),
        ("kl-linear", 0.1 + 0.3 * KL, [0.1, 0.3]),
        ("kl-root", 0.3 * np.sqrt(KL), [0.3]),
        ("kl-quadratic", 0.1 * KL + 0.2 * KL**2, [0.1, 0.2]),
        ("gao-best-of-n", np.sqrt(KL) * (1.2 - 0.5 * np.sqrt(KL)), [1.2, 0.5]),
        ("gao-rl", np.sqrt(KL) * (0.9 - 0.6 * np.log(np.sqrt(KL))), [0.9, 0.6]),
    ],
)
def test_planted_parameters_come_back(name: str, truth: Floats, planted: list[float]) -> None:
    """Exactly without noise, inside their intervals with it."""
    law = LAWS[name]
    assert fit_curve(law.curve, KL, truth).parameters == pytest.approx(planted, abs=1e-8)
    noisy = fit_curve(law.curve, KL, truth + 0.01 * np.random.default_rng(0).standard_normal(len(KL)))
    for index, value in enumerate(planted):
        found = noisy.parameter(index)
        assert found.low < value < found.high


@pytest.mark.parametrize(("alpha", "name"), [(0.5, "E (tax at N = 0)"), (-0.8, "E (plateau)")])
def test_forgetting_by_steps(alpha: float, name: str) -> None:
    """E + A N^alpha: E = 0.4 and alpha are found, whether forgetting grows without end or flattens out."""
    n = np.geomspace(10, 5000, 40)
    sign = 1 if alpha > 0 else -1
    truth = 0.4 + sign * 0.5 * (n / 100) ** alpha
    law = forgetting_power(float(np.exp(np.log(n).mean())))
    fit = fit_curve(law.curve, n, truth + 0.005 * np.random.default_rng(1).standard_normal(40))
    found, end = fit.parameter(2), law.derived(fit)[name]
    assert found.low < alpha < found.high
    assert end.low < 0.4 < end.high


@pytest.mark.parametrize(
    ("truth", "noise", "says"),
    [
        (lambda n: 0.1 * np.log(n), 0.02, "logarithm"),
        (lambda n: 0 * n, 0.05, "no rise or fall|end of -3 to 3"),
        (lambda n: (n / 100) ** 5, 0.001, "end of -3 to 3"),
    ],
)
def test_an_exponent_that_cannot_be_told(truth: Any, noise: float, says: str) -> None:
    """A logarithm, nothing at all, and a power beyond the range looked at: E is unknown and says why."""
    n = np.geomspace(10, 500, 30)
    law = forgetting_power(float(np.exp(np.log(n).mean())))
    fit = fit_curve(law.curve, n, truth(n) + noise * np.random.default_rng(2).standard_normal(30))
    found = law.derived(fit)["E"]
    assert math.isnan(found.value)
    assert "cannot tell" in found.reason
    assert any(words in found.reason for words in says.split("|"))


def test_gao_peaks() -> None:
    """Best-of-n: d* = a / 2b, R* = a^2 / 4b. RL: d* = exp(a/b - 1), R* = b exp(a/b - 1)."""
    generator, d, a, b = np.random.default_rng(3), np.sqrt(KL), 1.2, 0.7
    best_of_n, rl = LAWS["gao-best-of-n"], LAWS["gao-rl"]
    for law, reward, at, top in (
        (best_of_n, d * (a - b * d), a / (2 * b), a**2 / (4 * b)),
        (rl, d * (a - b * np.log(d)), math.exp(a / b - 1), b * math.exp(a / b - 1)),
    ):
        exact = law.derived(fit_curve(law.curve, KL, reward + 1e-9 * generator.standard_normal(40)))
        assert exact["peak d*"].value == pytest.approx(at)
        assert exact["peak KL"].value == pytest.approx(at**2)
        assert exact["peak reward"].value == pytest.approx(top)
        held = np.zeros(2)
        for _ in range(60):
            noisy = law.derived(fit_curve(law.curve, KL, reward + 0.02 * generator.standard_normal(40)))
            for which, (name, truth) in enumerate((("peak d*", at), ("peak reward", top))):
                held[which] += noisy[name].low < truth < noisy[name].high
        assert (held >= 60 * 0.95 - 5).all()  # 52 or more of 60: with a true .95, a chance of 1 % to fail


def test_the_law_of_rl_is_not_its_misprint() -> None:
    """What is printed a sqrt(KL) - b KL is the law of best-of-n: the two forms differ in the same data."""
    d = np.sqrt(KL)
    misprint = fit_curve(LAWS["gao-best-of-n"].curve, KL, 1.2 * np.sqrt(KL) - 0.5 * KL)
    assert misprint.parameters == pytest.approx([1.2, 0.5])
    assert np.abs(misprint.residuals).max() < 1e-12
    right = fit_curve(LAWS["gao-rl"].curve, KL, d * (1.2 - 0.5 * np.log(d)))
    assert np.abs(right.residuals).max() < 1e-12
    assert np.abs(fit_curve(LAWS["gao-rl"].curve, KL, 1.2 * d - 0.5 * KL).residuals).max() > 0.01


def test_no_peak_is_said_where_none_is_shown() -> None:
    """A reward that only rises has no peak, and its place is unknown rather than far away."""
    reward = 0.5 * np.sqrt(KL) + 0.05 * np.random.default_rng(4).standard_normal(40)
    for name in ("gao-best-of-n", "gao-rl"):
        if name == "gao-best-of-n":
            found = LAWS[name].derived(fit_curve(LAWS[name].curve, KL, reward))
            assert not found["peak d*"].known
            assert "no peak" in found["peak d*"].reason


def test_bound_of_best_of_n() -> None:
    """For 16 samples ln 16 - 15/16 = 1.835; n = 1 is the policy itself."""
    assert best_of_n_kl_bound([1, 16]) == pytest.approx([0, 1.8351], abs=1e-4)
    with pytest.raises(UsageError):
        best_of_n_kl_bound([0.5])


def test_which_kl_decides() -> None:
    """Where the tax follows KL on capability text, R2 is high there and near 0 on alignment prompts."""
    laws = fit_laws(a_world())
    best = {setting.on: law for setting, law in zip(laws.settings, laws.best, strict=True)}
    assert best["kl_capability"].r_squared.low > 0.7
    assert best["kl_capability"].standing == "holds"
    assert best["kl_alignment"].r_squared.low < 0.05
    assert best["kl_alignment"].standing != "holds"
    assert laws.which_kl is not None
    assert laws.which_kl.saved.low > 0.5


def test_the_simplest_law_of_those_that_do() -> None:
    """In a proportional world the law used has one parameter; in a bent one it bends."""
    assert best_on_capability(fit_laws(a_world())).law.name == "kl-proportional"
    generator = np.random.default_rng(5)
    kl = generator.uniform(0.05, 2, 80)
    bent = table(tax=0.2 * kl**2 + 0.02 * generator.standard_normal(80), kl_capability=kl)
    assert best_on_capability(fit_laws(bent)).law.name == "kl-quadratic"


def best_on_capability(laws: Laws) -> Any:
    return next(
        law for setting, law in zip(laws.settings, laws.best, strict=True) if setting.on == "kl_capability"
    )


def test_no_law_in_noise() -> None:
    """In 40 worlds where nothing explains the tax, at most 4 have a law that "holds"."""
    found = 0
    for seed in range(40):
        generator = np.random.default_rng(100 + seed)
        noise = table(tax=generator.standard_normal(60), kl_capability=generator.uniform(0.1, 1, 60))
        found += best_on_capability(fit_laws(noise)).standing == "holds"
    assert found <= 4


def test_expected_tax_is_a_prediction() -> None:
    """The interval of a new checkpoint is wider than that of the mean, and both hold the truth."""
    answer = expected_tax(fit_laws(a_world()), 0.3, among=("kl_capability",))
    assert answer.prediction.value == pytest.approx(0.09, abs=0.02)
    assert answer.prediction.low < answer.mean.low < 0.09 < answer.mean.high < answer.prediction.high
    assert not answer.extrapolated


def test_extrapolation_is_refused_unless_asked_for() -> None:
    laws = fit_laws(a_world())
    with pytest.raises(UsageError, match="outside the observed") as caught:
        expected_tax(laws, 9.0, among=("kl_capability",))
    assert "--extrapolate" in caught.value.hint
    answer = expected_tax(laws, 9.0, among=("kl_capability",), extrapolate=True)
    assert answer.extrapolated
    assert answer.prediction.known


def test_nothing_is_expected_where_no_law_holds() -> None:
    """Of KL on alignment prompts, which explains nothing, the answer is unknown and says so."""
    laws = fit_laws(a_world())
    assert not expected_tax(laws, 0.9, among=("kl_alignment",)).prediction.known
    assert not expected_tax(laws, 900.0, among=("kl_alignment",)).prediction.known  # nothing to extrapolate
    assert expected_tax(laws, 0.9, among=("kl_alignment",), named="kl-linear").prediction.known
    assert largest_within(laws, 0.1, among=("kl_alignment",)).largest is None


def test_budget_is_where_the_upper_end_meets_it() -> None:
    """The largest KL is where the upper end of the prediction reaches the budget, not where the line does."""
    laws = fit_laws(a_world())
    answer = largest_within(laws, 0.12, among=("kl_capability",))
    assert answer.largest is not None
    assert answer.prediction.high == pytest.approx(0.12)
    assert answer.largest < 0.12 / 0.3
    assert not answer.whole_range
    assert largest_within(laws, 9.0, among=("kl_capability",)).whole_range
    assert largest_within(laws, -1.0, among=("kl_capability",)).largest is None


def test_reward_is_counted_from_the_start() -> None:
    """A reward other than 0 at KL 0 must be named, and is then taken off."""
    kl = np.linspace(0, 2, 20)
    reward = 0.31 + 1.2 * np.sqrt(kl) - 0.5 * kl + 1e-6 * np.random.default_rng(6).standard_normal(20)
    sampled = table(reward=reward, kl_alignment=kl, n=np.arange(1, 21))
    with pytest.raises(UsageError) as caught:
        fit_laws(sampled)
    assert caught.value.hint == "--reward-start 0.31"
    laws = fit_laws(sampled, reward_start=0.31)
    assert laws.settings[0].rows == "best-of-n"
    assert laws.best[0].law.name == "gao-best-of-n"
    assert laws.best[0].fit.parameters == pytest.approx([1.2, 0.5], abs=1e-4)


def test_best_of_n_and_rl_are_never_fitted_together() -> None:
    """Rows with an n and rows without are settings of their own, each with its own law."""
    kl = np.concatenate([np.linspace(0.1, 2, 10)] * 2)
    n = np.concatenate([np.arange(2, 12), np.full(10, math.nan)])
    laws = fit_laws(table(reward=np.sin(kl), kl_alignment=kl, n=n))
    assert [(s.rows, len(s.x), b.law.name) for s, b in zip(laws.settings, laws.best, strict=True)] == [
        ("best-of-n", 10, "gao-best-of-n"),
        ("not best-of-n", 10, "gao-rl"),
    ]


ROWS = [{"tax": 0.1 * i, "kl_capability": 0.5 * i, "run": f"r{i % 3}", "seed": 0} for i in range(1, 9)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table(tmp_path: Path, suffix: str) -> None:
    """The same checkpoints from each."""
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n", "utf-8")
    else:
        mark = "," if suffix == ".csv" else "\t"
        lines = [mark.join(ROWS[0]), *(mark.join(map(str, row.values())) for row in ROWS)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    read = read_checkpoints(path, {})
    assert read.numbers["tax"] == pytest.approx([0.1 * i for i in range(1, 9)])
    assert read.runs is not None
    assert len(set(read.runs)) == 3


def test_an_empty_cell_is_not_measured(tmp_path: Path) -> None:
    """It is nan and its row is left out; text that is no number is an error."""
    path = tmp_path / "table.csv"
    path.write_text("tax,kl_capability\n0.1,1\n0.2,\n,3\n", "utf-8")
    read = read_checkpoints(path, {})
    assert np.isnan(read.numbers["kl_capability"]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("tax,kl_capability\n0.1,-0.01\n", "line 2: kl_capability is -0.01.*k1 estimator"),
        ("tax,kl_capability\n0.1,nan\n", "line 2: kl_capability is 'nan', not a finite number"),
        ("tax,kl_capability\n0.1,1\n0.2,inf\n", "line 3: kl_capability is 'inf'"),
        ("tax,kl_capability\n12%,1\n", "line 2: tax is '12%', not a number"),
        ("tax,kl_capability\n0.1,1,2\n", "line 2: not as many fields"),
        ("loss,kl_capability\n0.1,1\n", "no column 'tax'"),
        ("tax,n\n0.1,0\n", "n of 1 or more"),
        ("tax,steps\n0.1,-5\n", "steps is -5, below 0"),
        ("tax,kl_capability\n", "no rows"),
    ],
)
def test_bad_tables(tmp_path: Path, cells: str, says: str) -> None:
    """File, line, cause and a remedy."""
    path = tmp_path / "table.csv"
    path.write_text(cells, "utf-8")
    with pytest.raises(AligntaxError, match=says) as caught:
        read_checkpoints(path, {})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"tax": [1, 2, 3, 4], "kl_capability": [1, 2, 3, 4]}, "4 distinct values"),
        ({"tax": [1, 2, 3, 4, 5], "kl_capability": [1, 1, 1, 1, 1]}, "kl_capability is 1 in all 5 rows"),
        ({"tax": [2, 2, 2, 2, 2], "kl_capability": [1, 2, 3, 4, 5]}, "tax is 2 in all 5 rows"),
        ({"tax": [1, 2, 3, 4, 5]}, "nothing that could explain"),
    ],
)
def test_too_little(numbers: dict[str, list[float]], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        fit_laws(table(**numbers))
    assert caught.value.hint


def test_runs_widen(tmp_path: Path) -> None:
    """Ten copies of each checkpoint of a run are no more evidence than one."""
    generator = np.random.default_rng(7)
    kl = generator.uniform(0.1, 2, 12)
    tax = 0.3 * kl + 0.05 * generator.standard_normal(12)
    one = best_on_capability(fit_laws(table(tax=tax, kl_capability=kl, runs=[f"{i}" for i in range(12)])))
    copies = [f"{i // 10}" for i in range(120)]
    many = best_on_capability(fit_laws(table(tax=tax.repeat(10), kl_capability=kl.repeat(10), runs=copies)))
    assert many.fit.parameter(0).high == pytest.approx(one.fit.parameter(0).high)


def test_every_law_of_kl_has_a_source_and_names_for_its_parameters() -> None:
    for law in (*LAWS_OF_KL, *LAWS.values()):
        assert law.source
        assert len(law.parameters) == law.curve.size
