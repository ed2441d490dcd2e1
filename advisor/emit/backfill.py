"""Settings for many runs: the queue of runs, its Helm values, and an asset's backfill policy."""

from __future__ import annotations

import textwrap

from advisor.domain.backfill import Backfill, RunCut


def backfill_snippets(backfill: Backfill, best: RunCut, target: str) -> dict[str, str]:
    """What to paste for a cut, by where it goes; the executor's config of one run is not in it."""
    reason = (
        f"{best.runs_at_once} of {best.runs} runs in parallel, "
        f"{best.partitions_per_run} of {backfill.partitions} partitions per run"
    )
    snippets = {
        "dagster.yaml": f"# {reason}\n{_RUNS.format(best.runs_at_once)}",
        "values.yaml of the Helm chart": f"# {reason}\n{_HELM.format(best.runs_at_once)}",
    }
    if best.partitions_per_run > 1:
        snippets["the asset"] = _policy(best)
    candidate = best.run.candidate
    kind = "batch" if candidate.is_batched else "run-config"
    items, cores = backfill.items * best.partitions_per_run, backfill.cores / best.runs_at_once
    options = f"--items {items} --cores {cores:.3g}"
    command = f"dynadvise emit {target} --as {kind} {options}"
    return snippets | {"each run": f"# {candidate.label}\n{command}\n"}


_LIMIT = """\
- key: dagster/backfill  # of one backfill: other runs are not held back
  value: {{applyLimitPerUniqueValue: true}}
  limit: {}
"""
_RUNS = """\
concurrency:
  runs:
    tag_concurrency_limits:
""" + textwrap.indent(_LIMIT, " " * 6)
_HELM = """\
dagsterDaemon:
  runCoordinator:
    enabled: true
    type: QueuedRunCoordinator
    config:
      queuedRunCoordinator:
        tagConcurrencyLimits:
""" + textwrap.indent(_LIMIT, " " * 10)


def _policy(best: RunCut) -> str:
    if best.runs == 1:
        return "backfill_policy=dg.BackfillPolicy.single_run(),\n"
    return (
        "backfill_policy=dg.BackfillPolicy.multi_run("
        f"max_partitions_per_run={best.partitions_per_run}),\n"
    )
