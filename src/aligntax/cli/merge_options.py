"""What `aligntax merge` is asked for, and which of it makes sense together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aligntax.errors import UsageError

__all__ = ["Options", "checked", "shares_of"]

_EXAMPLE = "--shares 0.3,0.2,0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command, as `cli.verbs.merge` describes them."""

    pre: str
    aligned: Sequence[str]
    out: Path | None = None
    method: str = "linear"
    pre_weight: float | None = None
    shares: str | None = None
    density: float | None = None
    decay: float | None = None
    seed: int | None = None
    dtype: str | None = None
    shard_size: str | None = None
    vocab: str = "same"
    sha256: bool = False
    verify: bool = True
    dry_run: bool = False
    as_json: bool = False
    quiet: bool = False
    groups: int = 3
    proxy: Path | None = None
    proxy_prompts: Path | None = None
    proxy_samples: int = 256
    max_new_tokens: int = 128
    chat: bool = False
    save_proxy: Path | None = None
    sweep: bool = False
    grid: str | None = None
    text: Path | None = None
    measure: str | None = None
    timeout: float | None = None
    trials: int | None = None
    max_harm: float | None = None
    runs: Path | None = None
    keep: bool = False
    chart: Path | None = None
    level: float = 0.95
    batch: int = 8
    device: str = "cpu"

    @property
    def proxies(self) -> bool:
        """Whether there are proxy samples, or prompts to draw them for."""
        return self.proxy is not None or self.proxy_prompts is not None

    @property
    def curve(self) -> bool:
        """Whether several merges are looked at and none of them is the result."""
        return self.sweep or self.trials is not None

    @property
    def fits(self) -> bool:
        """Whether shares are fitted to proxy samples."""
        return self.method == "adaptive" and self.proxies and not self.curve

    @property
    def method_seed(self) -> int | None:
        """The seed as far as it is the method's; drawing samples and searching have it for themselves."""
        return None if self.method != "dare" and (self.proxy_prompts or self.trials) else self.seed

    @property
    def grid_weights(self) -> tuple[float, ...]:
        """The pre_weights of a sweep, rising."""
        if self.grid is None:
            return tuple(step / 10 for step in range(11))
        weights = _numbers("--grid", self.grid, "--grid 0,0.1,0.2,1")
        if not all(0 <= weight <= 1 for weight in weights):
            raise UsageError(f"--grid {self.grid}: shares lie in [0, 1]", hint="--grid 0,0.1,0.2,1")
        return tuple(sorted(set(weights)))


def checked(options: Options) -> Options:
    """The options, if they make sense together.

    Raises:
        UsageError: two that exclude each other, or one without what it needs.
    """
    for wrong, message, hint in (*_of_result(options), *_of_fit(options), *_of_curve(options)):
        if wrong:
            raise UsageError(message, hint=hint)
    return options


def shares_of(options: Options) -> tuple[float, ...] | None:
    """The shares given by hand; None where none are."""
    text = options.shares
    return None if text is None else tuple(_numbers("--shares", text, _EXAMPLE))


Rule = tuple[object, str, str]


def _of_result(options: Options) -> Iterator[Rule]:
    yield (
        options.out is None and not options.dry_run and not options.curve,
        "nowhere to write the merged model to",
        "--out DIR, or --dry-run for the plan",
    )
    yield (
        options.method == "adaptive" and not options.shares and not options.fits and options.trials is None,
        "adaptive needs the share of each stretch of blocks",
        f"{_EXAMPLE}, or --proxy FILE to fit them",
    )


def _of_fit(options: Options) -> Iterator[Rule]:
    yield (
        options.proxies and not options.curve and options.method != "adaptive",
        f"{options.method} has nothing to fit to proxy samples",
        "--method adaptive, or --sweep",
    )
    yield options.fits and options.shares, "shares are given by hand or fitted, not both", "leave out one"
    yield (
        options.proxy and options.proxy_prompts,
        "--proxy and --proxy-prompts: samples are read or drawn",
        "leave out one",
    )
    yield (
        (options.save_proxy or options.chat) and not options.proxy_prompts,
        f"{'--save-proxy' if options.save_proxy else '--chat'} goes with samples that are drawn",
        "--proxy-prompts FILE",
    )
    yield (
        options.fits and options.pre_weight is not None and not 0 <= options.pre_weight <= 1,
        f"pre_weight is the mean share of the pre-alignment model, in [0, 1], not {options.pre_weight}",
        "0.2 is usual",
    )


def _of_curve(options: Options) -> Iterator[Rule]:
    yield options.sweep and options.trials is not None, "--sweep and --trials: one of them", "leave out one"
    yield (
        options.trials is not None and (options.method != "adaptive" or not options.measure),
        "--trials looks for the shares of adaptive by measuring",
        "--method adaptive --measure COMMAND",
    )
    yield (
        options.trials is not None and options.proxies,
        "--trials measures, and has no use for proxy samples",
        "leave out --proxy",
    )
    yield options.trials is not None and options.shares, "shares are given or looked for", "leave out one"
    yield (
        options.sweep and options.pre_weight is not None,
        "--sweep goes over pre_weight",
        "leave out --pre-weight",
    )
    yield (
        options.sweep and not (options.proxies or options.text or options.measure),
        "nothing to measure the merges by",
        "--proxy FILE, --text FILE or --measure COMMAND",
    )
    yield (
        options.measure and not (options.runs or options.out),
        "what was measured has to be kept somewhere",
        "--runs FILE.jsonl",
    )
    yield options.keep and not options.out, "--keep: where?", "--out DIR"
    for name in ("grid", "text"):
        yield getattr(options, name) and not options.sweep, f"--{name} goes with --sweep", "--sweep"
    yield options.measure and not options.curve, "--measure goes with --sweep or --trials", "--sweep"
    for name in ("runs", "keep", "timeout"):
        wrong = getattr(options, name) and not options.measure
        yield wrong, f"--{name} goes with --measure", "--measure COMMAND"
    yield options.chart and not options.curve, "--chart goes with --sweep or --trials", "--sweep"
    yield (
        options.max_harm is not None and options.trials is None,
        "--max-harm goes with --trials",
        "--trials 40",
    )


def _numbers(option: str, text: str, example: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text}: not numbers", hint=example) from None
