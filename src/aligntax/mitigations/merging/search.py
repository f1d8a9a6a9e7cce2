"""Shares of `adaptive` looked for by measuring: most capability at least harm and least over-refusal.

Three objectives and no weights between them, so that what is found is a set: those beaten by no other.

Source: Ozaki et al. (2022), Journal of Artificial Intelligence Research 73:1209 (the multi-objective
tree-structured Parzen estimator), as Optuna has it.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aligntax.errors import UsageError, needs
from aligntax.mitigations.merging.fitting import projected
from aligntax.mitigations.merging.objectives import Objectives

if TYPE_CHECKING:
    import optuna

__all__ = ["Trials", "baseline", "search"]

Shares = tuple[float, ...]
Trials = dict[Shares, Objectives]
"""What was measured, in the order it was tried."""
_UNIFORM = (0.0, 0.2, 0.4)
_STEP = 0.001
_REPEATS = 200


def baseline(groups: int, pre_weight: float | None) -> list[Shares]:
    """What is measured first: the same share everywhere, which is what has to be beaten.

    Args:
        groups: stretches of blocks.
        pre_weight: the mean share where it is fixed.
    """
    return [(level,) * groups for level in (_UNIFORM if pre_weight is None else (pre_weight,))]


def search(
    measure: Callable[[Shares], Objectives],
    *,
    trials: int,
    groups: int = 3,
    pre_weight: float | None = None,
    max_harm: float | None = None,
    seed: int = 0,
    earlier: Trials | None = None,
) -> Trials:
    """Measures merges, each chosen in the light of those before.

    The same seed and the same measurements give the same trials, so that a search that was stopped goes on
    where it was when `measure` remembers.

    Args:
        measure: shares of the pre-alignment model, input side first -> what the merge is like.
        trials: different merges in all, >= 1.
        groups: stretches of blocks, >= 1.
        pre_weight: mean of the shares; None leaves each free in [0, 1].
        max_harm: harm above this is not wanted, however much capability it comes with.
        seed: of the search.
        earlier: what was measured before; what this search does not ask for again counts as trials once it
            asks for something new. Those of other stretches or another mean are passed over.

    Returns:
        All trials, the earlier ones included.

    Raises:
        UsageError: no trials, or nothing to search.
        MissingExtra: Optuna is not installed.
    """
    if trials < 1:
        raise UsageError("a search takes at least one trial", hint="--trials 40")
    if groups == 1 and pre_weight is not None:
        raise UsageError(
            "one stretch with a fixed mean leaves nothing to search", hint="leave out --pre-weight"
        )
    with _quiet_optuna() as optuna:
        study = _Study(optuna, groups, pre_weight, max_harm, seed)
        for shares in baseline(groups, pre_weight)[:trials]:
            study.ask_first(shares)
        alike = {s: found for s, found in (earlier or {}).items() if _same_kind(s, groups, pre_weight)}
        return _run(study, measure, trials, alike)


def _run(study: "_Study", measure: Callable[[Shares], Objectives], trials: int, earlier: Trials) -> Trials:
    done, repeats = Trials(), 0
    while len(done) < trials and repeats < _REPEATS:
        trial, shares = study.ask()
        if shares not in {**done, **earlier}:
            for other, found in earlier.items():
                if other not in done:
                    study.teach(other, found)
                    done[other] = found
        repeats = repeats + 1 if shares in done else 0
        if shares not in done:
            if len(done) >= trials:
                break
            done[shares] = measure(shares)
        study.tell(trial, done[shares])
    return done


class _Study:
    """The search as Optuna has it: ask, tell."""

    def __init__(
        self,
        optuna: Any,  # noqa: ANN401
        groups: int,
        pre_weight: float | None,
        max_harm: float | None,
        seed: int,
    ) -> None:
        self._optuna = optuna
        self._pre_weight = pre_weight
        self._max_harm = max_harm
        share = optuna.distributions.FloatDistribution(0.0, 1.0)
        self._space = {f"share {group}": share for group in range(groups)}
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        self._study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)

    def ask_first(self, shares: Shares) -> None:
        """Puts a merge at the head of the queue."""
        self._study.enqueue_trial(dict(zip(self._space, shares, strict=True)))

    def ask(self) -> tuple["optuna.Trial", Shares]:
        """The next merge to measure."""
        trial = self._study.ask(self._space)
        return trial, self._shares([trial.params[name] for name in self._space])

    def tell(self, trial: "optuna.Trial", found: Objectives) -> None:
        """What the merge is like."""
        for name, value in self._constraints(found).items():
            trial.set_constraint(name, value)
        self._study.tell(trial, _values(found))

    def teach(self, shares: Shares, found: Objectives) -> None:
        """What a merge is like that was measured elsewhere."""
        trial = self._optuna.trial.create_trial(
            params=dict(zip(self._space, shares, strict=True)),
            distributions=self._space,
            values=_values(found),
            constraints=self._constraints(found),
        )
        self._study.add_trial(trial)

    def _shares(self, asked: list[float]) -> Shares:
        mean = self._pre_weight
        if mean is None:
            return tuple(round(round(share / _STEP) * _STEP, 3) for share in asked)
        return tuple(round(share, 6) for share in projected(asked, mean))

    def _constraints(self, found: Objectives) -> dict[str, float]:
        return {} if self._max_harm is None else {"harm": found.harm.value - self._max_harm}


def _values(found: Objectives) -> list[float]:
    return [found.mean_capability, found.harm.value, found.over_refusal.value]


@contextmanager
def _quiet_optuna() -> Iterator[Any]:
    """Optuna, without its log and without its warnings about what is new in it."""
    with needs("weights"):
        import optuna
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def _same_kind(shares: Shares, groups: int, pre_weight: float | None) -> bool:
    """Of as many stretches, with the mean that is wanted."""
    mean = sum(shares) / len(shares)
    return len(shares) == groups and (pre_weight is None or abs(mean - pre_weight) < 2 * _STEP**2)
