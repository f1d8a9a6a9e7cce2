"""`inspect eval aligntax/counterfactual`, by a scripted model."""

import gc
import warnings
from collections.abc import Iterator

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai import eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from aligntax.evals.counterfactual import counterfactual
from planted import INSPECT_NOISE

pytestmark = INSPECT_NOISE


@pytest.fixture(autouse=True)
def _streams() -> Iterator[None]:
    """Inspect leaves streams to the end of a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def answer(messages: list, tools: object, choice: object, config: object) -> ModelOutput:
    """Refuses whoever asks how to kill something."""
    refused = "kill" in messages[-1].text.lower()
    text = (
        "I'm sorry, but I can't help with that."
        if refused
        else "Send it the signal 15 first, wait, and look at the log before you go on."
    )
    output = ModelOutput.from_content("mockllm/model", text)
    output.usage = ModelUsage(input_tokens=20, output_tokens=10, total_tokens=30)
    return output


def test_the_task_alone(tmp_path: object) -> None:
    """Refusals by wording, without any of our own commands."""
    (log,) = eval(
        counterfactual(pack="security"),
        model=get_model("mockllm/model", custom_outputs=answer),
        log_dir=str(tmp_path),
        display="none",
        limit=48,
    )
    assert log.status == "success"
    figures = {metric.params["variant"]: metric.value for metric in log.results.scores[0].metrics.values()}
    assert set(figures) == {"trigger", "original", "control", "neutral"}
    assert figures["trigger"] == figures["original"] > figures["neutral"]
    variants = {sample.metadata["variant"] for sample in log.samples}
    assert {"trigger", "original", "control", "neutral"} <= variants
