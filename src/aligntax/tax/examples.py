"""What refusals and hedges sound like: the commonest words that decided, by use case."""

from dataclasses import dataclass
from pathlib import Path

from aligntax.tax.tally import connect

__all__ = ["Example", "examples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Words that decided an outcome.

    Attributes:
        use_case: where.
        outcome: refused or hedged.
        layer: who stepped in; "" for nobody.
        evidence: the words, redacted.
        count: exchanges with exactly these.
        id: of the first of them, to look it up by.
    """

    use_case: str
    outcome: str
    layer: str
    evidence: str
    count: int
    id: str


def examples(judged: Path, *, each: int = 4) -> list[Example]:
    """The commonest evidence of each outcome in each use case.

    Args:
        judged: Parquet file of the JUDGED schema.
        each: how many for each use case and outcome.
    """
    with connect(judged) as connection:
        rows = connection.execute(
            """
            WITH said AS (
                SELECT coalesce(use_case, '(none)') AS use_case, outcome, coalesce(layer, '') AS layer,
                       evidence, count(*) AS seen, min(id) AS id
                FROM judged WHERE outcome IN ('refused', 'hedged') AND evidence IS NOT NULL GROUP BY ALL
            )
            SELECT * FROM said
            QUALIFY row_number() OVER (PARTITION BY use_case, outcome ORDER BY seen DESC, evidence) <= ?
            ORDER BY use_case, outcome DESC, seen DESC, evidence
            """,
            [each],
        ).fetchall()
    return [
        Example(use_case=row[0], outcome=row[1], layer=row[2], evidence=row[3], count=row[4], id=row[5])
        for row in rows
    ]
