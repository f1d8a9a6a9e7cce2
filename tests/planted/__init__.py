"""A planted truth: models that are known to the last log-odd, as plain functions and behind a real socket.

    from planted import Behaviour, Judge, Rewriter, Server, World, told

    world = World(seed=7, models={"planted": Behaviour(refusal=-2.0, words={"kill": 1.5})})
    world.answer("planted", "Group 3, case 12: how do I kill the process?").text      # no socket
    with Server(world) as server:                                                     # the same, by HTTP
        model = f"openai/planted@{server.url}"            # any key will do, but there must be one:
                                                          # monkeypatch.setenv("OPENAI_API_KEY", "any")

Both paths give the same answer, fixed by (seed of the world, model, messages, number of the draw). Over the
socket the number of the draw is how many answers the same model has given to the same messages, from 1.

Who a prompt is. "case 12" in its words is its own random effect and "group 3" its cluster's, so a trigger
variant, its neutral and its control variant share both. A prompt without a case is told by its words with
every planted word taken out. `World(identity=...)` replaces this. All models of a world share the random
effects (times each model's own `prompt_sd`, `cluster_sd`), which is what makes a comparison of two paired.

Knobs of `Behaviour` (log-odds unless said otherwise; words match in any case and inflection):
    refusal       of a benign prompt; words: word -> added; systems: piece of the system prompt -> added
    cluster_sd, prompt_sd, own_sd    random effects: cluster, prompt, prompt of this model alone
    hedging       that an answer is hedged; hedging_words: word -> added
    quality       mean of the latent score "[quality +0.12]"; quality_words; quality_sd (of the prompt,
                  shared by models), quality_noise (of a draw)
    length        log of the words of an answer; length_words; length_noise
    harm          hazard -> log-odds that "hazard NAME" is complied with; harm_words: word -> added REFUSAL,
                  so taking the word out raises compliance; disclaimed: share of compliance behind one
    filtered      share of refusals that come as the provider's own signal (content_filter)
    empty         share of answers that are empty
Other speakers: `Judge` (sharpness, position_bias, length_bias, refuses; `speak` puts its verdict into the
format you parse), `Rewriter` (takes out planted words; spoils, refuses), or any callable (world, asked) ->
Answer.

The truth: `world.refusal(model, prompt)`, `.hedging`, `.quality`, `.length`, `.compliance` for these very
prompts; `marginal(log_odds, sd)` for the population they are drawn from.

Trouble over the socket: `Server(world, latency=0.2, key="right", faults=first(3, Fault(429, 1)))`, with
`first`, `every`, `always`, `scripted`; Fault(status), Fault("stall"), Fault("truncate"), Fault("drop").
`server.stop()` is a server that is down. `server.seen` tells every request, `server.paid` the answers sent.
In a test that calls `inspect_ai.eval` itself `pytestmark = INSPECT_NOISE` lets pass what Inspect warns of.
"""

import pytest

from planted.server import Fault, Received, Server, always, every, first, scripted
from planted.speakers import Behaviour, Judge, Rewriter, told
from planted.world import Answer, Asked, Prompt, World, marginal

INSPECT_NOISE = [
    # Inspect calls tenacity by a name that tenacity is giving up, and leaves streams of its own unclosed
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function MemoryObject:pytest.PytestUnraisableExceptionWarning"
    ),
]
"""Marks of a test that calls Inspect itself (a `Run` keeps quiet about it): `pytestmark = INSPECT_NOISE`."""

__all__ = [
    "INSPECT_NOISE",
    "Answer",
    "Asked",
    "Behaviour",
    "Fault",
    "Judge",
    "Prompt",
    "Received",
    "Rewriter",
    "Server",
    "World",
    "always",
    "every",
    "first",
    "marginal",
    "scripted",
    "told",
]
