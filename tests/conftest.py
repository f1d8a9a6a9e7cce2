"""What the whole suite shares."""

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a run in the background of a shell ignores Ctrl-C, and so would the processes that tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data written by others, which lies beside the checkout on some machines."""
    if not SHARED.is_dir():
        pytest.skip(f"real data is not at hand: {SHARED} is missing")
    return SHARED


@pytest.fixture(scope="session")
def example_log() -> Path:
    """The log that comes with the project."""
    return Path(__file__).parents[1] / "examples" / "traffic.jsonl"


@pytest.fixture(scope="session", autouse=True)
def _imported() -> Iterator[None]:
    """What all tests import stays to the end: collecting what one test left need not go through it again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
