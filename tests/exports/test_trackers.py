"""MLflow's own store read back; the functions of Weights & Biases on a double of the same signature."""

import inspect
import json
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aligntax.errors import MissingExtra, UnwritableOutput, UsageError
from aligntax.exports.exported import Exported
from aligntax.exports.mlflow import log_mlflow
from aligntax.exports.names import flat_figures, flat_name
from aligntax.exports.wandb import log_wandb, tracker
from exports_world import exported, figure, not_known, same

THEIRS = "ignore::sqlalchemy.exc.SADeprecationWarning"  # MLflow's tables, under SQLAlchemy 2.1


@pytest.fixture
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection to another machine is an error."""
    connect = socket.socket.connect

    def local(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        assert host in ("127.0.0.1", "::1", "localhost"), address
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)


@pytest.mark.filterwarnings(THEIRS)
@pytest.mark.usefixtures("nothing_leaves")
def test_mlflow_keeps_figures_where_they_come_from_and_the_document(bill: Exported, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    written = log_mlflow(bill, tmp_path / "store")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("aligntax")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert len(run.data.metrics) == len(flat_figures(bill)) > 4 * 400
    for one in bill.figures:
        if one.estimate.known and one.slice in ({}, {"use_case": "medical"}):
            name = flat_name(one)
            ends = [run.data.metrics[name + end] for end in ("", "_low", "_high", "_n")]
            estimate = one.estimate
            expected = [estimate.value, estimate.low, estimate.high, estimate.n]
            assert all(same(a, b) for a, b in zip(ends, expected, strict=True))
    assert run.data.params["detector_version"] == bill.origin.detector_version
    assert run.data.params["exchanges"] == "616"
    kept = {path.name: path for path in (tmp_path / "store" / "artifacts").rglob("*") if path.is_file()}
    assert json.loads(kept["bill.json"].read_text("utf-8")) == bill.without_words
    assert "examples" not in bill.without_words
    assert bill.document["examples"]
    rows = [json.loads(line) for line in kept["figures.jsonl"].read_text("utf-8").splitlines()]
    assert all(row["method"] for row in rows)
    assert any("past period" in line for line in written.left_out)
    log_mlflow(exported([figure("refused", 1, 4)]), tmp_path / "store")
    found = client.search_runs([experiment.experiment_id])
    assert sorted(one.data.metrics["refused"] for one in found)[1] == 0.25


@pytest.mark.filterwarnings(THEIRS)
def test_a_store_mlflow_does_not_take_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    with pytest.raises(UnwritableOutput, match="MLflow did not take it"):
        log_mlflow(exported([]), tmp_path, uri="nonsense://somewhere")


class _Run:
    def __init__(self) -> None:
        self.logged: dict[str, Any] = {}
        self.artifacts: dict[str, Any] = {}
        self.finished = False

    def log(self, data: dict[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        self.logged |= data

    def log_artifact(
        self,
        artifact_or_path: str,
        name: str | None = None,
        type: str | None = None,
        aliases: list[str] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        self.artifacts[name or ""] = json.loads(Path(artifact_or_path).read_text("utf-8"))

    def finish(self, exit_code: int | None = None) -> None:
        self.finished = True


class _Table:
    def __init__(self, columns: list[str] | None = None, data: list[list[object]] | None = None) -> None:
        self.columns, self.data = columns, data


def double(name: str) -> tuple[ModuleType, list[tuple[dict[str, Any], _Run]]]:
    """A package with the functions we call: parameters of wandb 0.31, of trackio those it shares."""
    package, made = ModuleType(name), list[tuple[dict[str, Any], _Run]]()
    shared = {"project": None, "name": None, "config": None}
    own = {"dir": None, "notes": None, "job_type": None, "mode": None, "settings": None}

    def init(**given: Any) -> _Run:
        assert given.keys() <= (shared | own if name == "wandb" else shared).keys()
        made.append((given, _Run()))
        return made[-1][1]

    package.init, package.Table = init, _Table  # type: ignore[attr-defined]
    return package, made


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_weights_and_biases_sends_nothing_unless_told_to(
    bill: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, made = double("wandb")
    monkeypatch.setitem(sys.modules, "wandb", package)
    log_wandb(bill, tmp_path / "runs", project="nightly")
    ((given, run),) = made
    assert given["mode"] == "offline"
    assert given["project"] == "nightly"
    assert given["config"]["detector_version"] == bill.origin.detector_version
    assert run.finished
    table = run.logged.pop("figures")
    assert run.logged == dict(flat_figures(bill))
    assert table.columns[:4] == ["figure", "value", "low", "high"]
    assert len(table.data) * 4 == len(run.logged)
    assert run.artifacts == {"bill-document": bill.without_words}
    log_wandb(bill, None, endpoint="https://wandb.example.com")
    assert made[1][0]["mode"] == "online"
    assert made[1][0]["settings"] == {"base_url": "https://wandb.example.com"}


def test_trackio_takes_the_same_figures(bill: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    package, made = double("trackio")
    without(monkeypatch, "wandb")
    monkeypatch.setitem(sys.modules, "trackio", package)
    written = log_wandb(bill, None)
    ((given, run),) = made
    assert set(given) == {"project", "name", "config"}
    assert run.logged == dict(flat_figures(bill))
    assert (written.sent, "trackio" in written.kept) == ("", True), "nothing leaves this machine"
    with pytest.raises(UsageError, match="on this machine"):
        log_wandb(bill, None, endpoint="https://api.example")


def test_neither_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "wandb", "trackio")
    with pytest.raises(MissingExtra, match="wandb is not installed"):
        tracker()


def test_the_real_package_takes_it_offline(
    bill: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is installed: our calls fit it, and a run is written that `wandb sync` can send."""
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    signature = inspect.signature(wandb.init)
    package, made = double("wandb")
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "wandb", package)
        log_wandb(bill, tmp_path)
    signature.bind(**made[0][0])
    log_wandb(bill, tmp_path)
    assert list(tmp_path.rglob("*.wandb"))


def test_flat_names() -> None:
    assert flat_name(figure("refused", 1, 2)) == "refused"
    assert (
        flat_name(figure("refused", 1, 2, use_case="medical", model="north-2")) == "medical/north-2/refused"
    )
    assert flat_name(figure("refused", 1, 2, "powered", use_case="medical")) == "medical/refused_powered"
    assert flat_name(figure("score", 1, 2, benchmark="gsm8k")) == "benchmark.gsm8k/score"


def test_flat_names_that_would_be_equal_stay_apart() -> None:
    cases = ["a b", "a?b", "a/b", "a_b", "é", "è", "x" * 300, "x" * 301]
    names = {flat_name(figure("refused", 1, 2, use_case=case)) for case in cases}
    assert len(names) == len(cases)
    assert all(len(name) <= 210 and name.isascii() for name in names)


def test_what_cannot_be_known_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, made = double("wandb")
    monkeypatch.setitem(sys.modules, "wandb", package)
    written = log_wandb(
        exported([not_known("fallback", "the log does not tell"), figure("refused", 1, 9)]), tmp_path
    )
    assert set(made[0][1].logged) == {"refused", "refused_low", "refused_high", "refused_n", "figures"}
    assert list(written.left_out) == ["1 figure left out: cannot be known"]
