"""Which of the many candidates are shown, and what they are called."""

from advisor.domain.advice import Advice, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.rejection import Rejection, RejectionKind
from advisor.domain.trial import Trial

SHOWN = 8


def named_ways(advice: Advice) -> list[tuple[str, Prediction]]:
    """The ways that the advice names, each with the name."""
    named = [("advised", advice.recommendation), ("config only", advice.config_only)]
    if advice.current:
        named.append(("now", advice.current))
    if advice.default:
        named.append(("default", advice.default))
    return named


def marks(advice: Advice, prediction: Prediction) -> list[str]:
    """What a way is called: advised, config only, now, default."""
    names = [name for name, way in named_ways(advice) if way.candidate == prediction.candidate]
    if names[:2] == ["advised", "config only"]:
        names.remove("config only")
    if not prediction.allowed:
        names.append(
            f"not for {advice.environment}" if advice.environment != "dev" else "dev/test only"
        )
    if prediction.trial is not Trial.TRIED:
        names.append(prediction.trial.value)
    return names


def selected_ways(advice: Advice, limit: int = SHOWN) -> list[Prediction]:
    """The named ways and the best of each kind, best first as the advice ranks them.

    Hundreds of candidates differ in a batch size or a slot alone; one of each kind tells more.
    """
    named = {way.candidate: way for _, way in named_ways(advice)}
    ranked: dict[Candidate, Prediction] = {}
    for way in (*advice.candidates, *named.values()):
        ranked.setdefault(way.candidate, way)
    selection: list[Prediction] = []
    kinds: set[tuple[object, ...]] = set()
    room = limit - len(named)
    for candidate, way in ranked.items():
        is_named, kind = candidate in named, _kind(candidate)
        if is_named or (kind not in kinds and room > 0):
            selection.append(way)
            kinds.add(kind)
            room -= not is_named
    return selection


def telling_rejections(advice: Advice) -> list[Rejection]:
    """One rejection of each kind of way and cause, without those for being slower than another."""
    rejections: dict[tuple[object, ...], Rejection] = {}
    for rejection in advice.rejected:
        if rejection.kind is not RejectionKind.SLOWER:
            cause = rejection.cause or rejection.reason
            rejections.setdefault((_kind(rejection.candidate), cause), rejection)
    return list(rejections.values())


def _kind(candidate: Candidate) -> tuple[object, ...]:
    return (
        candidate.method,
        candidate.batch_size > 1,
        candidate.worker_kind,
        candidate.depth_first,
        candidate.op_threads,
    )
