"""How far the weights themselves moved: per matrix, how large the change is and how main directions turned.

These are facts about two files, not estimates: nothing was sampled, and there is no interval.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.checkpoint import Checkpoint, open_checkpoint

__all__ = [
    "Distances",
    "Layer",
    "Moved",
    "principal_angles",
    "relative_distance",
    "top_subspaces",
    "weight_distances",
]

_BLOCK = 1 << 22  # numbers widened at a time
_EXACT = 256  # smaller matrices are decomposed whole
_EXTRA, _ROUNDS = 16, 8  # of the randomised decomposition: directions beyond those wanted, power iterations
_PLACE = re.compile(r"^(.*?)\.(\d+)\.(.+)$")


@dataclass(frozen=True, slots=True)
class Moved:
    """One tensor of both checkpoints.

    Attributes:
        name: of the tensor.
        layer: number of the layer; None outside the layers.
        module: the name without layer and `.weight`, as in "self_attn.q_proj".
        shape: compared.
        change: sum of squares of model less reference.
        size: sum of squares of the reference.
        left: largest principal angle between the top left singular subspaces, in degrees, 0 to 90; None where
            it was not asked for, or the tensor is no matrix.
        right: the same on the right.
        gap: singular value k + 1 over singular value k of the reference, 0 to 1: near 1 the subspace is not
            well defined, and its angle says little.
    """

    name: str
    layer: int | None
    module: str
    shape: tuple[int, ...]
    change: float
    size: float
    left: float | None = None
    right: float | None = None
    gap: float | None = None

    @property
    def distance(self) -> float | None:
        """||model - reference||_F / ||reference||_F; None where the reference is all zeros."""
        return _ratio(self.change, self.size)


@dataclass(frozen=True, slots=True)
class Layer:
    """All tensors of one layer.

    Attributes:
        layer: its number; None for what is outside the layers.
        distance: relative distance of all its weights taken as one vector.
    """

    layer: int | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class Distances:
    """Two checkpoints.

    Attributes:
        tensors: of both, in the order of the reference.
        rank: singular directions that angles are between; 0 where there are none.
        notes: what could not be compared.
    """

    tensors: tuple[Moved, ...]
    rank: int
    notes: tuple[str, ...]

    @property
    def distance(self) -> float | None:
        """Relative distance of all weights taken as one vector."""
        return _together(self.tensors)

    @property
    def layers(self) -> list[Layer]:
        """Layer by layer, what is outside the layers last."""
        numbers = sorted({moved.layer for moved in self.tensors if moved.layer is not None})
        places = [*numbers, *([None] if any(moved.layer is None for moved in self.tensors) else [])]
        return [Layer(at, _together([moved for moved in self.tensors if moved.layer == at])) for at in places]


def weight_distances(
    reference: str, model: str, *, rank: int = 8, advance: Callable[[float], None] = lambda share: None
) -> Distances:
    """Compares two checkpoints tensor by tensor; neither is ever in memory.

    Args:
        reference: directory or Hub id.
        model: directory or Hub id.
        rank: singular directions that angles are measured between, >= 0; none with 0.
        advance: told which further share of the numbers was compared; the shares add up to 1.

    Raises:
        UnreadableInput: a checkpoint that cannot be read, or whose weights are not finite.
        UsageError: two architectures.
    """
    if rank < 0:
        raise UsageError(f"{rank} singular directions", hint="--rank 8, or 0 for none")
    with open_checkpoint(reference) as ours, open_checkpoint(model) as theirs:
        shared = [name for name in ours.names if name in set(theirs.names)]
        if not shared:
            raise UsageError(
                f"{reference} and {model} have no tensor of the same name", hint="two architectures?"
            )
        total = sum(_count(ours.entry(name).shape) for name in shared)
        found = list[Moved]()
        for name in shared:
            found.append(_moved(name, ours, theirs, rank))
            advance(_count(ours.entry(name).shape) / total)
        notes = [*_missing(ours, theirs, "the model"), *_missing(theirs, ours, "the reference")]
        notes += _cut(found, ours, theirs)
    return Distances(tuple(found), rank, tuple(notes))


def relative_distance(reference: torch.Tensor, model: torch.Tensor) -> tuple[float, float]:
    """Sums of squares of model less reference, and of the reference.

    Args:
        reference: any shape, any floating dtype.
        model: of the same shape.

    Returns:
        Both sums in float64, from differences in float32 (float64 where the weights are).
    """
    change = size = 0.0
    for ours, theirs in zip(_blocks(reference.reshape(-1)), _blocks(model.reshape(-1)), strict=True):
        change += float((theirs - ours).square_().sum(dtype=torch.float64))
        size += float(ours.square().sum(dtype=torch.float64))
    return change, size


def top_subspaces(matrix: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Orthonormal bases of the top singular subspaces, and how well they are set apart.

    Small matrices are decomposed whole. Larger ones by a randomised method with a fixed start, so that equal
    matrices give equal bases.

    Args:
        matrix: (rows, columns).
        rank: k, 1 <= k < min(rows, columns).

    Returns:
        Left basis (rows, k), right basis (columns, k), float64; singular value k + 1 over singular value k.

    Source: Halko, Martinsson & Tropp (2011), SIAM Review 53:217, algorithms 4.4 and 5.1.
    """
    if min(matrix.shape) <= _EXACT:
        left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    else:
        left, values, right = _randomised(matrix, min(rank + _EXTRA, min(matrix.shape)))
    gap = float(values[rank] / values[rank - 1]) if values[rank - 1] > 0 else 1.0
    return left[:, :rank], right[:rank].T, gap


def principal_angles(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Principal angles between the spaces that two orthonormal bases span.

    Args:
        first: (n, k).
        second: (n, k).

    Returns:
        (k,) degrees, ascending, 0 to 90; small angles from their sine, which the cosine cannot tell from 0.

    Source: Björck & Golub (1973), Mathematics of Computation 27:579.
    """
    inside = first.T @ second
    cosines = torch.linalg.svdvals(inside).clamp(max=1)
    sines = torch.linalg.svdvals(second - first @ inside).clamp(max=1).flip(0)
    return torch.rad2deg(torch.where(cosines.square() > 0.5, sines.asin(), cosines.acos()))


def _moved(name: str, ours: Checkpoint, theirs: Checkpoint, rank: int) -> Moved:
    first, second = _comparable(name, ours, theirs)
    change, size = relative_distance(first, second)
    if not (change + size) < float("inf"):
        broken = ours if not bool(torch.isfinite(first).all()) else theirs
        raise UnreadableInput(f"{broken.name}: {name} has NaN or Inf in it", hint="save the checkpoint again")
    layer, module = _place(name)
    left = right = gap = None
    k = min(rank, min(first.shape) - 1) if first.ndim == 2 else 0
    if k > 0 and size > 0:
        ours_left, ours_right, gap = top_subspaces(first, k)
        theirs_left, theirs_right, _ = top_subspaces(second, k)
        left = float(principal_angles(ours_left, theirs_left)[-1])
        right = float(principal_angles(ours_right, theirs_right)[-1])
    return Moved(name, layer, module, tuple(first.shape), change, size, left, right, gap)


def _comparable(name: str, ours: Checkpoint, theirs: Checkpoint) -> tuple[torch.Tensor, torch.Tensor]:
    """Both tensors; of two embeddings with different numbers of rows, the rows both have."""
    first, second = ours.tensor(name), theirs.tensor(name)
    if first.shape == second.shape:
        return first, second
    if first.ndim == second.ndim == 2 and first.shape[1] == second.shape[1] and _place(name)[0] is None:
        rows = min(len(first), len(second))
        return first[:rows], second[:rows]
    raise UsageError(
        f"{name} is {tuple(first.shape)} in {ours.name} and {tuple(second.shape)} in {theirs.name}",
        hint="these are two architectures; --no-weights measures KL alone",
    )


def _place(name: str) -> tuple[int | None, str]:
    """Layer and module in the name of a tensor: "model.layers.3.mlp.up_proj.weight" is 3, "mlp.up_proj"."""
    found = _PLACE.match(name)
    rest = found[3] if found else name
    module = rest.removesuffix(".weight").removeprefix("model.")
    return (int(found[2]) if found else None), module


def _blocks(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensor in pieces along its first dimension, wide enough to calculate with."""
    wide = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    rows = max(1, _BLOCK // max(1, _count(tensor.shape[1:])))
    for first in range(0, len(tensor), rows):
        yield tensor[first : first + rows].to(wide)


def _randomised(matrix: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Leading singular triplets: left (rows, size), values (size,), right (size, columns), float64."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(matrix.shape[1], size, generator=generator, dtype=torch.float64)
    for _ in range(_ROUNDS):
        left = torch.linalg.qr(_times(matrix, basis)).Q
        basis = torch.linalg.qr(_transposed_times(matrix, left)).Q
    turned, values, right = torch.linalg.svd(_times(matrix, basis), full_matrices=False)
    return turned, values, right @ basis.T


def _times(matrix: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    return torch.cat([(block @ basis.to(block.dtype)).double() for block in _blocks(matrix)])


def _transposed_times(matrix: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    product, row = torch.zeros(matrix.shape[1], basis.shape[1], dtype=torch.float64), 0
    for block in _blocks(matrix):
        product += block.T @ basis[row : row + len(block)].to(block.dtype)
        row += len(block)
    return product


def _missing(ours: Checkpoint, theirs: Checkpoint, whose: str) -> list[str]:
    absent = [name for name in ours.names if name not in set(theirs.names)]
    return (
        [f"{len(absent):,} tensors that {whose} lacks, {absent[0]} for one, are not compared"]
        if absent
        else []
    )


def _cut(found: Sequence[Moved], ours: Checkpoint, theirs: Checkpoint) -> list[str]:
    return [
        f"of {moved.name} the first {moved.shape[0]:,} rows are compared, which both have"
        for moved in found
        if ours.entry(moved.name).shape != theirs.entry(moved.name).shape
    ]


def _together(tensors: Sequence[Moved]) -> float | None:
    return _ratio(sum(moved.change for moved in tensors), sum(moved.size for moved in tensors))


def _ratio(change: float, size: float) -> float | None:
    return (change / size) ** 0.5 if size > 0 else None


def _count(shape: Sequence[int]) -> int:
    return int(torch.Size(shape).numel())
