"""Normalised tax: what is lost of a capability, as a share of what there was above chance."""

from collections.abc import Mapping, Sequence

import numpy as np

from aligntax.errors import UsageError
from aligntax.frontier.runs import Floats

__all__ = ["chance_levels", "normalised_tax"]


def chance_levels(benchmarks: Sequence[str], given: Mapping[str, float]) -> tuple[Floats, list[str]]:
    """What guessing scores on each benchmark, (benchmarks,), and those for which 0 was taken.

    Raises:
        UsageError: a benchmark that there is not, or a chance outside [0, 1).
    """
    for name, value in given.items():
        if name not in benchmarks:
            raise UsageError(
                f"--chance {name}: no such benchmark", hint=f"benchmarks are {', '.join(benchmarks)}"
            )
        if not 0 <= value < 1:
            raise UsageError(f"--chance {name}={value:g}: not a share below 1", hint="one in four is 0.25")
    return np.array([given.get(name, 0.0) for name in benchmarks]), [n for n in benchmarks if n not in given]


def normalised_tax(
    capability: Floats, reference: Floats, chance: Floats, *, benchmarks: Sequence[str]
) -> Floats:
    """(reference - capability) / (reference - chance); below 0 for a bonus, above 1 for worse than chance.

    Args:
        capability: (rows, configurations, benchmarks) in [0, 1]; row 0 is the measurement.
        reference: (rows, benchmarks) of the model before alignment.
        chance: (benchmarks,) what guessing scores.
        benchmarks: their names.

    Returns:
        (rows, configurations, benchmarks); nan in rows whose reference is no better than chance.

    Raises:
        UsageError: the reference as measured is no better than chance.
    """
    room = reference - chance
    for name, above, scored, guess in zip(benchmarks, room[0], reference[0], chance, strict=True):
        if above <= 0:
            raise UsageError(
                f"{name}: the reference scores {scored:g}, no better than chance ({guess:g}), "
                "so nothing can be lost there",
                hint="leave the benchmark out",
            )
    safe = np.where(room > 0, room, np.nan)[:, None, :]
    return np.asarray((reference[:, None, :] - capability) / safe)
