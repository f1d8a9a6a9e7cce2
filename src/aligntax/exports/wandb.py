"""A run of Weights & Biases', or of Trackio, which has the same functions.

Weights & Biases writes to a directory and sends nothing unless a server is named; `wandb sync` sends it
later. Trackio keeps its own files on this machine.
"""

import json
import os
import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from aligntax import __version__
from aligntax.errors import MissingExtra, UnwritableOutput, UsageError
from aligntax.exports.exported import Exported
from aligntax.exports.names import flat_figures, flat_name, trackable
from aligntax.exports.written import Written

__all__ = ["log_wandb", "tracker"]

_SETTINGS = {
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}  # nothing leaves that was not asked for
_COLUMNS = ("figure", "value", "low", "high", "level", "n", "labelled", "unit", "method", "correction")


def tracker() -> Any:  # noqa: ANN401 - either package, neither with types we can rely on
    """The package that is installed: wandb, else trackio.

    Raises:
        MissingExtra: neither is.
    """
    for name in ("wandb", "trackio"):
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != name:
                raise
    raise MissingExtra("wandb", "wandb")


def log_wandb(
    exported: Exported, out: Path | None, *, endpoint: str = "", project: str = "aligntax"
) -> Written:
    """Keeps figures as a run of a project.

    Args:
        exported: what to tell.
        out: directory that an offline run is written to.
        endpoint: of the server, such as https://api.wandb.ai; "" to send nothing.
        project: its name.

    Raises:
        UnwritableOutput: the package did not take it.
        UsageError: there is a server to send to and only Trackio to send with.
        MissingExtra: neither package is installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    package = tracker()
    own = package.__name__ == "wandb"
    if endpoint and not own:
        raise UsageError("trackio keeps figures on this machine", hint="without --endpoint, or install wandb")
    options = _options(exported, out, endpoint) if own else {}
    try:
        run = package.init(
            project=project, name=exported.run or exported.title, config=_config(exported), **options
        )
        _log(package, run, exported, own=own)
        run.finish()
    except Exception as error:  # each package has errors of its own
        raise UnwritableOutput(
            f"{package.__name__} did not take it: {error}", hint="--endpoint URL"
        ) from error
    selected = trackable(exported)
    told = Written(figures=len(selected.figures), left_out=selected.told)
    if endpoint:
        return replace(told, sent=endpoint)
    if own:
        return replace(told, files=[] if out is None else [out])
    return replace(told, kept=f"{package.__name__}'s own files, project {project}")


def _options(exported: Exported, out: Path | None, endpoint: str) -> dict[str, Any]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    sent = {"settings": {"base_url": endpoint}} if endpoint else {}
    return {
        "mode": "online" if endpoint else "offline",
        "dir": None if out is None else str(out),
        "job_type": exported.kind,
        "notes": exported.title,
        **sent,
    }


def _config(exported: Exported) -> dict[str, str]:
    return exported.provenance | {"kind": exported.kind, "aligntax": __version__}


def _log(package: Any, run: Any, exported: Exported, *, own: bool) -> None:  # noqa: ANN401 - see `tracker`
    run.log(dict(flat_figures(exported)))
    if not own:
        return
    rows = list[list[object]]()
    for one in trackable(exported).figures:
        estimate = one.estimate
        told = [getattr(estimate, name) for name in _COLUMNS[1:-1]]
        rows.append([flat_name(one), *told, one.correction])
    run.log({"figures": package.Table(columns=list(_COLUMNS), data=rows)})
    with tempfile.TemporaryDirectory() as directory:
        document = Path(directory) / f"{exported.kind}.json"
        document.write_text(json.dumps(exported.without_words, ensure_ascii=True), "utf-8")
        run.log_artifact(str(document), name=f"{exported.kind}-document", type="document")
