"""Traffic with known figures."""

import datetime as dt

import pyarrow as pa

from aligntax.records import EXCHANGE

ANSWER = "The half-life is six hours. Take it twice a day with food, and check the level after a week."
REFUSAL = "I'm sorry, but I can't help with that."
CANNOT = "I don't have access to the attachment, so I can't open it."
CAVEAT = " Please note that this is not medical advice."
SOFT = "I'm not a doctor, but here is the gist. " + ANSWER * 4
READ = pa.schema([*EXCHANGE, pa.field("prompt_key", pa.uint64())])
START = dt.datetime(2026, 10, 5, 8)


def exchange(number: int, response: str | None, **columns: object) -> dict[str, object]:
    """One exchange, an hour after the one before."""
    return {
        "id": f"x{number}",
        "kind": "text",
        "prompt": f"question {number}",
        "prompt_key": number,
        "response": response,
        "use_case": "medical",
        "model_served": "m-1",
        "time": START + dt.timedelta(hours=number),
        "tokens_in": 10,
        "tokens_out": 40,
        **columns,
    }
