"""Over-refusal as an Inspect task: `inspect eval aligntax/over_refusal -T pack=medical --model ...`."""

from pathlib import Path

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset

from aligntax.detectors import DEFAULT
from aligntax.errors import UsageError
from aligntax.evals.ask import ask
from aligntax.evals.outcome import outcome
from aligntax.evals.run import samples_of
from aligntax.probes.packs import load_pack
from aligntax.probes.prompts import PURPOSES, PromptSet, Purpose, questions
from aligntax.probes.sets import read_prompts, read_set

__all__ = ["over_refusal"]


@task
def over_refusal(
    pack: str | None = None,
    path: str | None = None,
    set: str | None = None,  # the name people type after -T
    purpose: str = "benign",
    detector: str = DEFAULT,
) -> Task:
    """Asks the prompts of a pack or a set and tells what became of each.

    Args:
        pack: medical, legal, security or finance.
        path: of a file of prompts, or of the file of the public set.
        set: name of a public set; see `aligntax probes list`.
        purpose: benign, whose refusals are over-refusal; harmful, whose refusals must stay; or all.
        detector: that tells outcomes; see `aligntax detectors list`.
    """
    if purpose not in (*PURPOSES, "all"):
        raise UsageError(f"purpose={purpose}: no such prompts", hint="benign, harmful or all")
    found = _chosen(pack, path, set, "harmful" if purpose == "harmful" else "benign")
    wanted = {one.id for one in found.probes if purpose in (one.purpose, "all")}
    asked = [
        question for one, question in zip(found.probes, questions(found), strict=True) if one.id in wanted
    ]
    if not asked:
        raise UsageError(f"{found.title}: no {purpose} prompts in it", hint="-T purpose=all")
    about = {
        "set": found.name,
        "source": found.source,
        "sha256": found.sha256,
        "licence": found.licence,
        "revision": found.revision,
    }
    return Task(
        dataset=MemoryDataset(samples_of(asked), name=found.name),
        solver=ask(),
        scorer=outcome(detector),
        epochs=Epochs(1, "mode"),  # an outcome is a word, of which there is no mean
        metadata=about,
    )


def _chosen(pack: str | None, path: str | None, name: str | None, purpose: Purpose) -> PromptSet:
    if pack is not None and path is None and name is None:
        return load_pack(pack).prompts()
    if pack is None and name is not None:
        return read_set(name, None if path is None else Path(path))
    if pack is None and path is not None:
        return read_prompts(Path(path), purpose=purpose)
    raise UsageError(
        "over_refusal: which prompts?",
        hint="-T pack=medical, -T path=FILE, or -T set=NAME with or without path",
    )
