"""Settings for many runs: the queue of runs, its Helm values, and an asset's backfill policy."""

from advisor.domain.backfill import EACH_RUN, Backfill, RunCut
from advisor.emit.run_config import yaml_lines
from advisor.emit.source_text import comment

Tree = dict[str, object]


def backfill_snippets(backfill: Backfill, best: RunCut, target: str, kind: str) -> dict[str, str]:
    """What to paste for a cut, by where it goes; of one run the command that emits its ``kind``."""
    reason = (
        f"{best.runs_at_once} of {best.runs} runs in parallel, "
        f"{best.partitions_per_run} of {backfill.partitions} partitions per run"
    )
    limit = {
        "key": "dagster/backfill",
        "value": {"applyLimitPerUniqueValue": True},
        "limit": best.runs_at_once,
    }
    snippets = {
        "dagster.yaml": _yaml(reason, of_instance({"tag_concurrency_limits": [limit]})),
        "values.yaml of the Helm chart": _yaml(reason, of_chart({"tagConcurrencyLimits": [limit]})),
    }
    if best.partitions_per_run > 1:
        snippets["the asset"] = _policy(best)
    items = backfill.items * best.partitions_per_run
    machine = f"--cores {backfill.cores / best.runs_at_once:.3g}"
    label = best.run.candidate.label
    if backfill.cluster:
        machine = f"--cluster {backfill.cluster}"
        place = f"[tool.dynadvise.clusters.{backfill.cluster}]"
        label += f"; set runs-at-once = {best.runs_at_once} in {place}"
    command = f"dynadvise emit {target} --as {kind} --items {items} {machine}"
    return snippets | {EACH_RUN: f"# {label}\n{command}\n"}


def _yaml(reason: str, tree: Tree) -> str:
    of_backfill = "Of one backfill: other runs are not held back."
    reasons = dict.fromkeys(("tag_concurrency_limits", "tagConcurrencyLimits"), of_backfill)
    return "\n".join([comment(reason), *yaml_lines(tree, reasons, 0)]) + "\n"


def _policy(best: RunCut) -> str:
    if best.runs == 1:
        return "backfill_policy=dg.BackfillPolicy.single_run(),\n"
    return (
        "backfill_policy=dg.BackfillPolicy.multi_run("
        f"max_partitions_per_run={best.partitions_per_run}),\n"
    )


def of_instance(runs: Tree) -> Tree:
    """``dagster.yaml`` with these settings of the queue."""
    return {"concurrency": {"runs": runs}}


def of_chart(queue: Tree) -> Tree:
    """Values of the chart with these settings of the queue."""
    coordinator: Tree = {"enabled": True, "type": "QueuedRunCoordinator"}
    coordinator["config"] = {"queuedRunCoordinator": queue}
    return {"dagsterDaemon": {"runCoordinator": coordinator}}
