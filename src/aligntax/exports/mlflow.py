"""A run of MLflow's for a run of ours: figures, where they come from, and the document.

Without a server it goes into an SQLite file. MLflow's own reports of its use are turned off.
"""

import datetime as dt
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from aligntax import __version__
from aligntax.errors import UnwritableOutput, needs
from aligntax.exports.exported import Exported
from aligntax.exports.names import flat_figures, trackable
from aligntax.exports.tables import json_lines
from aligntax.exports.written import Written

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["log_mlflow"]

_MOST_METRICS = 1000  # in one request
_MOST_TEXT = 5000
_FILE = "mlflow.db"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing leaves that was not asked for
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # seven, its own default, wait for minutes
}


def log_mlflow(
    exported: Exported, out: Path | None, *, uri: str = "", experiment: str = "aligntax"
) -> Written:
    """Keeps figures as a run of an experiment.

    Args:
        exported: what to tell.
        out: directory of the SQLite file and of what is kept beside it, where there is no server.
        uri: of the tracking server, or any other of MLflow's; "" for the directory.
        experiment: its name; made where it is not there.

    Raises:
        UnwritableOutput: MLflow did not take it.
        MissingExtra: MLflow is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with needs("tracking"):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    where = uri or _local(out)
    try:
        client = MlflowClient(tracking_uri=where)
        run = _run(client, exported, _experiment(client, experiment, None if uri else out))
    except (MlflowException, OSError) as error:
        raise UnwritableOutput(f"{where}: MLflow did not take it: {error}", hint="--endpoint URI") from error
    selected = trackable(exported)
    told = Written(figures=len(selected.figures), left_out=selected.told)
    if uri:
        return replace(told, sent=f"{uri}, run {run}")
    assert out is not None
    return replace(told, files=[out / _FILE])


def _local(out: Path | None) -> str:
    assert out is not None
    out.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{out.absolute() / _FILE}"


def _experiment(client: "MlflowClient", name: str, out: Path | None) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    kept = None if out is None else (out.absolute() / "artifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=kept))


def _run(client: "MlflowClient", exported: Exported, experiment: str) -> str:
    """Logged whole, or marked as failed."""
    from mlflow.entities import Metric, Param, RunTag

    at = round(exported.created.replace(tzinfo=dt.UTC).timestamp() * 1000)
    name = exported.run or exported.title
    run = str(client.create_run(experiment, start_time=at, run_name=name).info.run_id)
    try:
        params = [Param(key, text[:_MOST_TEXT]) for key, text in exported.provenance.items()]
        tags = [RunTag("aligntax.version", __version__), RunTag("aligntax.kind", exported.kind)]
        client.log_batch(run, params=params, tags=tags)
        for batch in _batches([(key, value) for key, value in flat_figures(exported).items()]):
            client.log_batch(run, metrics=[Metric(key, value, at, 0) for key, value in batch])
        _keep(client, run, exported)
    except BaseException:
        client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run, "FINISHED")
    return run


def _batches(all_: Sequence[tuple[str, float]]) -> Iterator[list[tuple[str, float]]]:
    left = iter(all_)
    while batch := list(islice(left, _MOST_METRICS)):
        yield batch


def _keep(client: "MlflowClient", run: str, exported: Exported) -> None:
    """The document, and every figure with how its interval was made, which a metric cannot say."""
    with tempfile.TemporaryDirectory() as directory:
        document = Path(directory) / f"{exported.kind}.json"
        document.write_text(json.dumps(exported.without_words, indent=1, ensure_ascii=True), "utf-8")
        figures = Path(directory) / "figures.jsonl"
        figures.write_text(json_lines(exported), "utf-8", errors="backslashreplace")
        for path in (document, figures):
            client.log_artifact(run, str(path))
