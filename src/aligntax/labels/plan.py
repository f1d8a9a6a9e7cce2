"""A plan: which exchanges are to be labelled, and with what probability each was chosen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.lines import json_line, json_lines
from aligntax.labels.policy import POLICY_VERSION
from aligntax.labels.run import JudgedRun
from aligntax.labels.strata import Stratum, stratify

__all__ = ["Chosen", "Plan", "load_plan", "make_plan", "save_plan"]

_KIND, _FORMAT = "label plan", 1


@dataclass(frozen=True, slots=True)
class Chosen:
    """One exchange to label.

    Attributes:
        key: of the exchange.
        stratum: name of the stratum it was drawn from.
        probability: with which it was chosen, in (0, 1].
        prompt_key: hash of its prompt, to know it again in the log; None where the run has none.
    """

    key: str
    stratum: str
    probability: float
    prompt_key: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which exchanges of a run to label.

    Attributes:
        run_hash: of the run it was made from.
        exchanges_hash: of the run's exchanges, whatever the detector said of them.
        detector: of the run.
        detector_version: of the run.
        policy_version: of the labelling policy to follow.
        seed: of the draw.
        by: what the strata are told apart by.
        population: exchanges that could have been chosen.
        left_out: reason -> exchanges of the run that could not.
        strata: their sizes sum to the population.
        chosen: in the order to label them, which tells nothing of their strata.
    """

    run_hash: str
    exchanges_hash: str
    detector: str
    detector_version: str
    policy_version: str
    seed: int
    by: tuple[str, ...]
    population: int
    left_out: dict[str, int]
    strata: tuple[Stratum, ...]
    chosen: tuple[Chosen, ...]

    @cached_property
    def by_key(self) -> dict[str, Chosen]:
        """Key -> the exchange chosen."""
        return {exchange.key: exchange for exchange in self.chosen}

    def header(self) -> dict[str, Any]:
        """Everything but the exchanges, as JSON."""
        fields = {name: value for name, value in self.__dict__.items() if name in self.__dataclass_fields__}
        fields["strata"] = [asdict(stratum) for stratum in self.strata]
        return {"aligntax": _KIND, "format": _FORMAT, **{k: v for k, v in fields.items() if k != "chosen"}}


def make_plan(
    run: JudgedRun, *, budget: int = 100, seed: int = 0, by: Sequence[str] = ("verdict", "use_case")
) -> Plan:
    """Chooses which exchanges of a run to label.

    Within a stratum every exchange has the same chance, labels / size: those with the lowest hash of
    seed and key are taken, so anyone can draw the same sample again.

    Args:
        run: read with `read_run`.
        budget: exchanges to label, > 0; all of them where the run has no more.
        seed: another seed, another sample.
        by: what the strata are told apart by, out of STRATIFIERS.

    Raises:
        UsageError: a budget too small for the strata, or strata by something unknown.
    """
    if budget < 1:
        raise UsageError(f"--budget {budget}: there must be something to label", hint="--budget 100")
    strata = stratify(run.exchanges, by, budget)
    keys, prompts = run.exchanges["key"].to_pylist(), run.exchanges["prompt_key"].to_pylist()
    rows = _drawn(_ranks(keys, seed, b"draw"), strata.strata, strata.of_rows)
    shown = rows[np.argsort(_ranks([keys[row] for row in rows], seed, b"order"), kind="stable")]
    chosen = [(row, strata.strata[strata.of_rows[row]]) for row in shown.tolist()]
    return Plan(
        run_hash=run.run_hash,
        exchanges_hash=run.exchanges_hash,
        detector=run.detector,
        detector_version=run.detector_version,
        policy_version=POLICY_VERSION,
        seed=seed,
        by=tuple(by),
        population=run.population,
        left_out=run.left_out,
        strata=tuple(strata.strata),
        chosen=tuple(Chosen(keys[row], s.name, s.probability, prompts[row]) for row, s in chosen),
    )


def _ranks(keys: Sequence[str], seed: int, purpose: bytes) -> npt.NDArray[np.uint64]:
    """A number for each key, as good as random; draw and order must not know of each other."""
    keyed = blake2b(digest_size=8, key=f"{seed}".encode()[:64], person=purpose)
    ranks = np.empty(len(keys), np.uint64)
    for row, key in enumerate(keys):
        digest = keyed.copy()
        digest.update(key.encode("utf-8", "surrogatepass"))
        ranks[row] = int.from_bytes(digest.digest(), "big")
    return ranks


def _drawn(
    ranks: npt.NDArray[np.uint64], strata: Sequence[Stratum], of_rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Rows of the exchanges with the lowest ranks of each stratum."""
    ordered = np.lexsort((ranks, of_rows))
    begins = np.searchsorted(of_rows[ordered], np.arange(len(strata)))
    taken = [ordered[at : at + stratum.labels] for at, stratum in zip(begins, strata, strict=True)]
    return np.concatenate(taken)


def save_plan(plan: Plan, path: Path) -> None:
    """Writes a plan: a line on the plan, then a line for each exchange."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json_line(plan.header()))
        file.writelines(json_line(asdict(exchange)) for exchange in plan.chosen)


def load_plan(path: Path) -> Plan:
    """Reads a plan written by `save_plan`.

    Raises:
        UnreadableInput: it cannot be read or is no plan.
    """
    hint = "make one with `aligntax label plan RUN`"
    lines = [row for _, row in json_lines(path, hint=hint)]
    if not lines or lines[0].get("aligntax") != _KIND:
        raise UnreadableInput(f"{path}: not a label plan", hint=hint)
    head = lines[0]
    if head.get("format") != _FORMAT:
        raise UnreadableInput(f"{path}: a plan of format {head.get('format')}, read is {_FORMAT}", hint=hint)
    try:
        return _plan(head, lines[1:])
    except (KeyError, TypeError) as error:
        raise UnreadableInput(f"{path}: a damaged plan ({error})", hint=hint) from error


def _plan(head: dict[str, Any], rows: list[dict[str, Any]]) -> Plan:
    known = {name: head[name] for name in Plan.__dataclass_fields__ if name not in ("strata", "chosen", "by")}
    strata = tuple(Stratum(**{**row, "pooled": tuple(row["pooled"])}) for row in head["strata"])
    return Plan(by=tuple(head["by"]), strata=strata, chosen=tuple(Chosen(**row) for row in rows), **known)
