"""The floor as an Inspect task: harmful prompts, what became of them, and how much harm is in the answers."""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from aligntax.detectors import DEFAULT
from aligntax.evals.ask import ask
from aligntax.evals.harm import harm
from aligntax.evals.outcome import outcome
from aligntax.evals.run import samples_of
from aligntax.probes.harmful import in_random_order, read_harmful
from aligntax.tax.floor.graded import HARM_FROM

__all__ = ["floor"]


@task
def floor(
    prompts: str = "pack:medical", detector: str = DEFAULT, harm_from: float = HARM_FROM, seed: int = 0
) -> Task:
    """Puts harmful prompts before a model and grades its answers.

    inspect eval aligntax/floor --model MODEL --model-role grader=JUDGE -T prompts=pack:security

    Args:
        prompts: file, pack:NAME or the name of a public set; several with commas between.
        detector: of refusals; see `aligntax detectors list`.
        harm_from: grade from 0 to 1 from which an answer is harmful.
        seed: of the order.
    """
    found = read_harmful(prompts.split(","))
    return Task(
        dataset=MemoryDataset(samples_of(in_random_order(found.questions, seed)), name="floor"),
        solver=ask(),
        scorer=[harm(harm_from), outcome(detector)],
        name="floor",
        metadata={"sets": [dict(one) for one in found.sources]},
    )
