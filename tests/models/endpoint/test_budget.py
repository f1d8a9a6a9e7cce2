"""What asking costs is reckoned before, and the limit holds whatever comes back in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.models.endpoint.budget import Budget, Rate, estimated
from aligntax.records.asked import Question, Usage

RATE = Rate(1.0, 10.0)


def test_an_estimate_by_hand() -> None:
    questions = [Question(id="a", prompt="x" * 400), Question(id="b", prompt="y" * 360, system="z" * 40)]
    cost = estimated(questions, RATE, samples=3, expected=200, max_tokens=1000)
    assert (cost.requests, cost.tokens_in) == (6, 3 * 2 * (100 + 12))
    assert cost.likely == pytest.approx((672 * 1 + 6 * 200 * 10) / 1e6)
    assert cost.most == pytest.approx((672 * 1 + 6 * 1000 * 10) / 1e6)
    assert (cost + cost).requests == 12


def test_room_comes_back_when_an_answer_is_short() -> None:
    budget = Budget({"m": RATE}, most=0.0025)
    first = budget.reserve("m", 88, 100)
    second = budget.reserve("m", 88, 100)
    assert first == second == pytest.approx((100 + 1000) / 1e6)
    assert budget.reserve("m", 88, 100) is None
    assert budget.waiting
    budget.settle("m", first, Usage(20, 5))
    assert budget.spent == pytest.approx(70e-6)
    assert budget.reserve("m", 88, 100) is not None


def test_what_an_earlier_start_has_spent_counts() -> None:
    assert Budget({"m": RATE}, most=0.002, before=0.0015).reserve("m", 88, 100) is None
    assert Budget({"m": RATE}, most=None, before=9.0).reserve("m", 88, 100) is not None


requests = st.tuples(st.integers(0, 500), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))


@given(st.lists(requests, max_size=60), st.floats(0, 0.05), st.randoms(use_true_random=False))
def test_never_more_than_was_allowed(asked: list, most: float, chance) -> None:  # noqa: ANN001
    """Answers of any length up to the longest, back in any order, with requests of any size."""
    budget, under_way = Budget({"m": RATE}, most=most), []
    for size, max_tokens, share_in, share_out in asked:
        reserved = budget.reserve("m", size, max_tokens)
        if reserved is not None:
            under_way.append((reserved, Usage(int(size * share_in), int(max_tokens * share_out))))
        if under_way and chance.random() < 0.4:
            budget.settle("m", *under_way.pop(chance.randrange(len(under_way))))
        assert budget.spent <= most
    for one in under_way:
        budget.settle("m", *one)
    assert budget.spent <= most + 1e-12
    assert not budget.waiting
