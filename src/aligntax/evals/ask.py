"""The solver that asks: every request is paid for once, and the run knows of every answer."""

from inspect_ai.model import ChatMessage, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from aligntax.evals.going import current

__all__ = ["ask"]


@solver
def ask(model: int = 0) -> Solver:
    """Generates an answer; within a command of aligntax from its journal, where that has one.

    Args:
        model: number of the model in the run.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        run = current()
        if run is None:
            return await generate(state)
        live, messages = get_model(), list[ChatMessage](state.messages)

        async def send() -> ModelOutput:
            return await live.generate(messages)

        spec, sampling = run.models[model]
        question, sample = str(state.sample_id), state.epoch
        reply, output = await run.asker.ask(question, sample, spec, sampling, messages, send)
        run.replies[model, question, sample] = reply
        state.metadata["model"] = model
        if output is not None:
            state.output = output
            if not output.empty:
                state.messages.append(output.message)
        else:
            state.output = ModelOutput(model=spec.name, error=reply.error or reply.stop)
        state.completed = output is None
        return state

    return solve
