"""What exchanges of a run are called that go by a use case of the policy."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from aligntax.dashboard.reading.exchanges import named, names_of
from aligntax.policy.model import Policy
from aligntax.policy.recognise import PolicyRecogniser

__all__ = ["names_held_as"]


def names_held_as(path: Path, policy: Policy, use_case: str) -> Sequence[str]:
    """Names in a file of outcomes, as `Wanted.names` has them, that go by a use case of the policy.

    Args:
        path: of the file.
        policy: whose use cases are meant, by name and model, as the gate recognises them.
        use_case: name in the policy.
    """
    found, recognise = names_of(path), PolicyRecogniser(policy)
    held = [names[0] for names in found]
    if found and use_case in recognise.names and recognise.renames({name for name in held if name}):
        columns = [pa.array([names[at] or None for names in found], pa.string()) for at in range(3)]
        held = recognise.renamed(*columns).to_pylist()
    return [named(names) for names, name in zip(found, held, strict=True) if name == use_case]
