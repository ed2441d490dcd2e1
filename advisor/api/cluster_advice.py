"""What an advice says of the cluster that a job runs on: what is known, and from where."""

from dataclasses import replace

from advisor.domain.advice import Advice, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING, LAUNCH_S, START_TIMES_S, Cluster, unmodelled
from advisor.domain.errors import ConfigurationError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.measured import Measured
from advisor.domain.no_prediction import NoModelError
from advisor.domain.options import AdviseOptions
from advisor.domain.overhead import OverheadModel
from advisor.domain.quantities import seconds, size
from advisor.domain.trial import Trial
from advisor.model.candidates import allowed_in
from advisor.model.cluster_ways import by_start_time, cluster_candidates, makespan_at
from advisor.model.estimators.delegating import cluster_of
from advisor.model.measured_setting import setting_of
from advisor.model.prediction import Predictor
from advisor.model.search import TIE
from advisor.model.setting import Setting


def refuse_other_executor(executor: ExecutorSetting | None, cluster: Cluster | None) -> None:
    """Raise where a job on one kind of cluster shall be advised for another kind.

    Raises:
        ConfigurationError: The executors differ.
    """
    runs_on = executor.executor if executor else ""
    if cluster is None or runs_on not in DELEGATING or runs_on in ("delegating", cluster.executor):
        return
    raise ConfigurationError(
        f"The cluster {cluster.name!r} is described with the {cluster.executor} executor, the job "
        f"runs on the {runs_on} executor.",
        hint=f'Describe another: [tool.dynadvise.clusters.NAME] executor = "{runs_on}".',
    )


def caution(
    executor: ExecutorSetting | None, cluster: Cluster | None, overhead: OverheadModel
) -> str:
    """The first line: what the job runs on, and which figures of it are known; or nothing."""
    if cluster is None:
        return unmodelled(executor)
    runs_on = f"{executor.class_name}" if executor else "no executor of its own"
    place = f"the cluster {cluster.name!r} ({cluster.executor} executor; the job has {runs_on})"
    if cluster.start_s is None:
        return (
            f"For {place}: how long a {cluster.unit} takes to start is not known. The times below"
            " are those of the run's own process; the details show what is best by the start time."
        )

    def source(name: str, otherwise: str = "assumed") -> str:
        return cluster.sources.get(name, otherwise)

    past, whole = overhead.delegated.get(cluster.executor), overhead.whole_step
    launch_s, launched = LAUNCH_S, "assumed"
    if cluster.launch_s is not None:
        launch_s, launched = cluster.launch_s, source("launch_s")
    elif past is not None and past.launch_s is not None:
        launch_s, launched = past.launch_s, "from past runs"
    rest = f"as on this host ({whole.source if whole else 'calibrated'})"
    if past is not None:
        rest = f"as in {past.steps} steps of past runs"
    figures = [
        f"a {cluster.unit} starts in {seconds(cluster.start_s)} ({source('start_s')})",
        f"a launch takes the parent {seconds(launch_s)} ({launched})",
        f"the parent looks every {seconds(cluster.poll_s)} ({source('poll_s', 'the default')})",
        f"Python and your code boot {rest}",
    ]
    if cluster.shared_cores:
        figures.append(f"{cluster.shared_cores:g} cores for all steps")
    if cluster.cpu and cluster.own_pods:
        figures.append(f"{cluster.cpu:g} CPUs of quota")
    if cluster.memory_bytes:
        figures.append(f"{size(cluster.memory_bytes)} of quota")
    missing = "" if cluster.cpu or cluster.pods or cluster.slots else "; its quota is not known"
    return f"For {place}: {', '.join(figures)}{missing}."


def place_of(measured: Measured, options: AdviseOptions) -> str:
    """What a prediction is for, where that is not this machine alone; empty where it is."""
    cluster = setting_of(measured, options).cluster
    return caution(measured.description.executor, cluster, measured.overhead)


def best_of_config(measured: Measured, options: AdviseOptions) -> Prediction | None:
    """The best way on the described cluster that needs no code: of near ties the fewest steps.

    For those who stay on it although the run's own pod is faster. None where its start time is not
    known.
    """
    predictor = Predictor(setting_of(measured, options))
    ways = [way for way in cluster_candidates(predictor.setting) if not way.needs_code]
    predictions = [predictor.predict(way) for way in ways]
    most_s = (1 + TIE) * min((each.makespan_s.median for each in predictions), default=0.0)
    near = (each for each in predictions if each.makespan_s.median <= most_s)
    return min(near, key=lambda each: each.candidate.max_concurrent, default=None)


def unknown_start(candidate: Candidate, setting: Setting) -> NoModelError | None:
    """The refusal of a way whose pods' start time is not known, with the times by it; else None."""
    cluster = setting.cluster
    if cluster is None or cluster.start_s is not None or cluster.executor != candidate.executor:
        return None
    try:
        cluster_of(candidate, setting)
    except NoModelError as refused:
        makespans_s = [makespan_at(start_s, candidate, setting) for start_s in START_TIMES_S]
        rows = zip(START_TIMES_S, makespans_s, strict=True)
        table = [f"started in {seconds(start_s)}: {seconds(whole_s)}" for start_s, whole_s in rows]
        details = "\n".join(table)
        return NoModelError(candidate, refused.cause, *refused.figures, details=details)
    return None


def with_start_times(
    advice: Advice, setting: Setting, measured: Measured, options: AdviseOptions
) -> Advice:
    """The advice with what is best by the start time of a pod, where that is not known."""
    executor = measured.description.executor
    runs_on = options.cluster.executor if options.cluster else executor and executor.executor
    has_start = setting.cluster is not None and setting.cluster.start_s is not None
    if has_start or runs_on not in DELEGATING or "spawn" not in measured.overhead.multiprocess:
        return advice
    slots = executor.max_concurrent if executor else None
    cluster = options.cluster or Cluster("", str(runs_on), slots=slots)
    in_run = [way for way in advice.candidates if way.allowed and way.trial is Trial.TRIED]
    rows, crossing_s = by_start_time(
        setting,
        cluster,
        min(way.makespan_s.median for way in in_run or [advice.recommendation]),
        lambda way: (
            allowed_in(way, options.environment)
            and (options.change == "code" or not way.needs_code)
            and setting.limits.verdict(way).trial.considered
        ),
    )
    return replace(advice, start_times=rows, start_crossing_s=crossing_s)
