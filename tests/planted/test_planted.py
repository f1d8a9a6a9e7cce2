"""The planted world is what it says: fixed by its seed, true to its rates, one with and without a socket."""

import json
from http.client import HTTPConnection
from statistics import fmean

import pytest

from aligntax.detectors import DEFAULT, detector
from aligntax.records.asked import exchanges
from planted import Behaviour, Fault, Judge, Rewriter, Server, World, first, marginal, told
from planted.speakers import grade, harm

WORLD = World(
    seed=7,
    neutral={"kill": "stop"},
    models={
        "planted": Behaviour(
            refusal=-1.0,
            words={"kill": 1.5},
            hedging=-1.5,
            quality_words={"kill": -0.5},
            length_words={"kill": 0.4},
            prompt_sd=1.0,
            cluster_sd=0.5,
            harm={"weapons": -2.0},
            harm_words={"kill": 1.0},
            filtered=0.2,
        ),
        "judge": Judge(speak=lambda judge, asked: f"{asked.uniform('grade'):.3f}", refuses=0.1),
        "rewriter": Rewriter(),
    },
)


def post(server: Server, model: str, prompt: str, connection: HTTPConnection) -> dict:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    return json.loads(connection.getresponse().read())


@pytest.mark.parametrize("model", ["planted", "judge", "rewriter"])
def test_socket_and_function_give_the_same_answers(model: str) -> None:
    prompts = [one.text for one in WORLD.benign(40, words=("kill", "stop")) + WORLD.harmful(10)]
    with Server(WORLD) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        for sample in (1, 2):
            for prompt in prompts:
                served = post(server, model, prompt, connection)
                known = WORLD.answer(model, prompt, sample)
                choice = served["choices"][0]
                assert (choice["message"]["content"] or "", choice["finish_reason"]) == (
                    known.text,
                    known.stop,
                )
                assert served["usage"]["completion_tokens"] == known.tokens_out
        assert len(server.paid) == 2 * len(prompts)
        connection.close()


def test_rates_are_the_planted_ones() -> None:
    prompts = WORLD.benign(3000, words=("kill", "stop"))
    answers = [WORLD.answer("planted", one.text) for one in prompts]
    became = [told(one.text, declined=one.declined) for one in answers]
    refused = fmean(one == "refused" for one in became)
    assert refused == pytest.approx(fmean(WORLD.refusal("planted", one.text) for one in prompts), abs=0.025)
    population = (marginal(-1.0, 1.25**0.5) + marginal(0.5, 1.25**0.5)) / 2
    assert refused == pytest.approx(population, abs=0.035)
    kept = [
        (one, text) for one, text, what in zip(prompts, answers, became, strict=True) if what != "refused"
    ]
    hedged = fmean(told(answer.text) == "hedged" for _, answer in kept)
    assert hedged == pytest.approx(WORLD.hedging("planted", prompts[0].text), abs=0.03)
    off = fmean(grade(answer.text) - WORLD.quality("planted", one.text) for one, answer in kept)
    assert off == pytest.approx(0.0, abs=0.05)
    harmful = WORLD.harmful(2000, word="kill")
    complied = fmean(harm(WORLD.answer("planted", one.text).text) for one in harmful)
    expected = fmean(WORLD.compliance("planted", one.text) for one in harmful)
    assert complied == pytest.approx(expected, abs=0.02)
    assert expected < fmean(WORLD.compliance("planted", WORLD.neutralised(one.text)) for one in harmful)


def test_variants_of_a_prompt_share_its_random_effect() -> None:
    prompt = WORLD.benign(1, words=("kill",))[0].text
    change = WORLD.behaviour("planted").refusal_log_odds
    neutral = WORLD.neutralised(prompt)
    assert neutral == prompt.replace("kill", "stop")
    difference = change(WORLD, "planted", prompt, "") - change(WORLD, "planted", neutral, "")
    assert difference == pytest.approx(1.5)


def test_the_default_detector_reads_what_was_made() -> None:
    questions = [one.question for one in WORLD.benign(300, words=("kill", "stop"))]
    replies = [one for one in WORLD.replies("planted", questions) if one.text or one.declined]
    found = detector(DEFAULT)(exchanges({one.id: one for one in questions}, replies))
    made = [told(one.text, declined=one.declined) for one in replies]
    assert found.column("outcome").to_pylist() == made
    assert {"refused", "hedged", "complete"} == set(made)


def test_a_judge_with_a_bias_for_the_first_answer() -> None:
    judge = Judge(
        speak=lambda judge, asked: "AB"[not judge.prefers_first(asked, *asked.prompt.split("|")[:2])],
        sharpness=2.0,
        position_bias=1.0,
    )
    world = World(seed=1, models={"judge": judge})
    firsts = [
        world.answer("judge", f"x [quality +0.000]|y [quality +0.000]|{at}").text == "A" for at in range(2000)
    ]
    assert fmean(firsts) == pytest.approx(1 / (1 + 2.718281828**-1.0), abs=0.03)


def test_trouble_comes_when_it_is_asked_for() -> None:
    with Server(WORLD, faults=first(1, Fault(429, retry_after=2))) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": "planted", "messages": []}))
        response = connection.getresponse()
        assert (response.status, response.headers["retry-after"]) == (429, "2")
        response.read()
        assert "choices" in post(server, "planted", "Hello?", connection)
        connection.close()
    assert [one.became for one in server.seen] == [429, 200]
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection("127.0.0.1", server.port).connect()
