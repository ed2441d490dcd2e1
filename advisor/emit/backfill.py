"""Settings for many runs: the queue of runs, its Helm values, and an asset's backfill policy."""

from __future__ import annotations

from advisor.domain.backfill import Backfill, RunCut
from advisor.emit.run_config import yaml_lines
from advisor.emit.run_queue import Tree, of_chart, of_instance
from advisor.emit.source_text import comment


def backfill_snippets(backfill: Backfill, best: RunCut, target: str) -> dict[str, str]:
    """What to paste for a cut, by where it goes; the executor's config of one run is not in it."""
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
    candidate = best.run.candidate
    kind = "batch" if candidate.is_batched else "run-config"
    items, cores = backfill.items * best.partitions_per_run, backfill.cores / best.runs_at_once
    options = f"--items {items} --cores {cores:.3g}"
    command = f"dynadvise emit {target} --as {kind} {options}"
    return snippets | {"each run": f"# {candidate.label}\n{command}\n"}


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
