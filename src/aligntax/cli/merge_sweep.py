"""`aligntax merge --sweep` and `--trials`: many merges of two models, looked at and not kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aligntax.cli.merge_fit import in_memory, proxy_samples
from aligntax.cli.merge_options import Options
from aligntax.cli.output import Stage
from aligntax.mitigations.merging.adaptive import Adaptive
from aligntax.mitigations.merging.in_memory import InMemory
from aligntax.mitigations.merging.measured import (
    REFERENCE,
    Measurer,
    RunsFile,
    configuration,
    directory_name,
    kept,
)
from aligntax.mitigations.merging.method import Method
from aligntax.mitigations.merging.objectives import Command, Objectives, Rate
from aligntax.mitigations.merging.proxy import Sample, Scored, read_samples
from aligntax.mitigations.merging.run import Merge
from aligntax.mitigations.merging.search import Shares, search
from aligntax.mitigations.merging.sweep import (
    ALIGNED,
    PRE,
    Texts,
    at_pre_weight,
    change,
    fitting,
    level_of,
    plainest,
    sweep,
)
from aligntax.report.merge_sweep import OnText, Point, merge_sweep_document
from aligntax.tax.prompts import read_documents

__all__ = ["planned_points", "searched", "swept"]

_JSON = (".jsonl", ".ndjson", ".json")
_ENDS: Mapping[str, Method] = {"aligned": ALIGNED, "pre": PRE}
_RUNS = "merge_runs.jsonl"


def swept(merge: Merge, options: Options, stage: Stage) -> dict[str, Any]:
    """The curve of a method as a document.

    Args:
        merge: the models and the method; its pre_weight is replaced.
        options: of the command.
        stage: shows progress.
    """
    methods = [at_pre_weight(merge.method, weight) for weight in options.grid_weights]
    measurer = _measurer(merge, options)
    if measurer is not None:
        _known(measurer, methods)  # a file of other models is met before anything is measured
    scoring = _scoring(merge, methods, options, stage)
    measured = _measured(measurer, methods, stage) if measurer else {}
    if options.out is not None and measurer is None:
        with stage("writing merges", len(methods)) as told:
            for method in methods:
                kept(replace(merge, method=method), options.out / directory_name(method.name, method))
                told(1)
    looks = _Looks(merge, scoring, measured, options.level)
    known = {*scoring.scored, *measured}
    settings = asdict(merge.method)  # type: ignore[call-overload]
    return merge_sweep_document(
        [looks.point(method) for method in methods],
        ends={name: looks.point(end) for name, end in _ENDS.items() if end in known},
        about={
            **_about(merge, options, measurer),
            "settings": {name: settings[name] for name in settings.keys() - {"name", "pre_weight"}},
            "texts": scoring.sources,
        },
        kind="sweep",
        level=options.level,
        notes=[*merge.notes, *scoring.notes],
    )


def searched(merge: Merge, options: Options, stage: Stage) -> dict[str, Any]:
    """Shares of `adaptive` looked for by measuring, as a document; arguments as in `swept`."""
    measurer = _measurer(merge, options)
    assert measurer is not None
    assert options.trials is not None
    with stage("measuring merges", options.trials + 1) as told:
        before = measurer.measured(REFERENCE, PRE)
        told(1)

        def measure(shares: Shares) -> Objectives:
            found = measurer.measured("adaptive", Adaptive(shares))
            told(1)
            return found

        trials = search(
            measure,
            trials=options.trials,
            groups=options.groups,
            pre_weight=options.pre_weight,
            max_harm=options.max_harm,
            seed=options.seed or 0,
            earlier={method.shares: found for method, found in measurer.rows("adaptive")},
        )
    measured: dict[Method, Objectives] = {Adaptive(shares): found for shares, found in trials.items()}
    looks = _Looks(merge, _Scoring(), {**measured, PRE: before}, options.level)
    settings = {
        "stretches": options.groups,
        "mean share": "free" if options.pre_weight is None else options.pre_weight,
        "trials": len(trials),
        "seed": options.seed or 0,
    }
    return merge_sweep_document(
        [looks.point(Adaptive(shares)) for shares in trials],
        ends={"pre": looks.point(PRE)},
        about={**_about(merge, options, measurer), "settings": settings, "texts": {}},
        kind="search",
        level=options.level,
        max_harm=options.max_harm,
        notes=merge.notes,
    )


def planned_points(merge: Merge, options: Options) -> dict[str, Any]:
    """What a sweep or search would do."""
    measurer = _measurer(merge, options)
    if options.sweep:
        methods = [at_pre_weight(merge.method, weight) for weight in options.grid_weights]
        known = _known(measurer, methods) if measurer else 0
        count = len(methods)
    else:
        assert measurer is not None
        count, known = options.trials or 0, sum(1 for _ in measurer.rows("adaptive"))
    return {
        **merge.described(),
        "plan": {
            "merges": count,
            "pre_weights": list(options.grid_weights) if options.sweep else None,
            "known": known,
            "command": options.measure,
            "size": merge.size,
        },
    }


class _Looks:
    """What was found out about merges, put together by merge."""

    def __init__(
        self,
        merge: Merge,
        scoring: "_Scoring",
        measured: Mapping[Method, Objectives],
        level: float,
    ) -> None:
        self._merge = merge
        self._texts = scoring.texts
        self._scored = scoring.scored
        self._measured = measured
        self._level = level

    def point(self, method: Method) -> Point:
        """Everything about one merge."""
        plain = plainest(method, self._merge.parts)
        found = self._measured.get(method)
        rates = dict[str, Rate]()
        if found is not None:
            rates = {"harm": found.harm, "over_refusal": found.over_refusal}
            rates |= {f"capability.{name}": rate for name, rate in found.capability.items()}
        return Point(
            configuration=configuration(method.name, method),
            pre_weight=method.pre_weight,
            shares=method.shares if isinstance(method, Adaptive) else None,
            same_as=next((name for name, end in _ENDS.items() if plain == end), None),
            texts={name: self._on_text(name, plain) for name in self._texts},
            rates={name: (rate.value, rate.n) for name, rate in rates.items()},
        )

    def _on_text(self, name: str, plain: Method) -> OnText:
        texts, scored = self._texts[name], self._scored[plain][name]
        changes = {
            end: None
            if plain == model
            else change(texts, self._scored[model][name], scored, level=self._level)
            for end, model in _ENDS.items()
        }
        return OnText(
            loss=level_of(texts, scored, level=self._level),
            more_than_aligned=changes["aligned"],
            more_than_pre=changes["pre"],
        )


def _measurer(merge: Merge, options: Options) -> Measurer | None:
    if options.measure is None:
        return None
    runs = options.runs
    if runs is None:
        assert options.out is not None
        runs = options.out / _RUNS
    command = Command(options.measure, options.timeout)
    return Measurer(merge, command, RunsFile(runs), options.out, options.keep)


def _known(measurer: Measurer, methods: Sequence[Method]) -> int:
    """How many merges the file of rows knows already."""
    named = [(REFERENCE, PRE), *((method.name, method) for method in methods)]
    return sum(measurer.known(name, method) is not None for name, method in named)


def _measured(measurer: Measurer, methods: Sequence[Method], stage: Stage) -> dict[Method, Objectives]:
    """Every merge by the user's command, and the pre-alignment model."""
    found = dict[Method, Objectives]()
    with stage("measuring merges", len(methods) + 1) as told:
        for name, method in [(REFERENCE, PRE), *((method.name, method) for method in methods)]:
            found[method] = measurer.measured(name, method)
            told(1)
    return found


@dataclass(frozen=True, slots=True)
class _Scoring:
    """Texts, how likely every different merge makes them, what to say of them."""

    texts: Mapping[str, Texts] = field(default_factory=dict)
    scored: Mapping[Method, Mapping[str, Scored]] = field(default_factory=dict)
    sources: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()


def _scoring(merge: Merge, methods: Sequence[Method], options: Options, stage: Stage) -> _Scoring:
    """The curve in memory; the two models themselves are always among what is scored."""
    if not (options.proxies or options.text):
        return _Scoring()
    model = in_memory(merge, options)
    named = dict(_named_samples(options, model, stage))
    texts = {name: fitting(model.causal, samples) for name, (samples, _) in named.items()}
    wanted = list(dict.fromkeys([ALIGNED, *(plainest(method, merge.parts) for method in methods), PRE]))
    total = len(wanted) * sum(len(some.samples) for some in texts.values())
    with stage("scoring merges: texts", total) as told:
        found = sweep(model, wanted, texts, batch=options.batch, told=told)
    tokens = {name: int(scored.tokens.sum()) for name, scored in found[0].items()}
    sources = {
        name: {
            "source": named[name][1],
            "samples": len(some.samples),
            "clusters": len(set(some.clusters.tolist())),
            "tokens": tokens[name],
            "left_out": some.left_out,
            "cut": some.cut,
        }
        for name, some in texts.items()
    }
    return _Scoring(texts, dict(zip(wanted, found, strict=True)), sources, list(_notes(named, texts)))


def _named_samples(
    options: Options, model: InMemory, stage: Stage
) -> Iterator[tuple[str, tuple[Sequence[Sample], str]]]:
    if options.proxies:
        yield "proxy", proxy_samples(options, model, stage)
    if options.text:
        as_rows = options.text.suffix.lower() in _JSON
        documents = [] if as_rows else [Sample("", text) for text in read_documents(options.text)]
        yield "text", (documents or read_samples(options.text), str(options.text))


def _notes(named: Mapping[str, tuple[Sequence[Sample], str]], texts: Mapping[str, Texts]) -> Iterator[str]:
    for name, some in texts.items():
        source = named[name][1]
        if some.left_out:
            yield f"{source}: {some.left_out:,} texts left out: nothing to score, or too long for the model."
        if some.cut:
            yield f"{source}: {some.cut:,} documents were cut into pieces that the model takes."


def _about(merge: Merge, options: Options, measurer: Measurer | None) -> dict[str, Any]:
    return {
        "pre": merge.pre.name,
        "aligned": [weights.name for weights in merge.aligned],
        "method": merge.method.name,
        "command": options.measure,
        "runs": str(measurer.runs.path) if measurer else None,
    }
