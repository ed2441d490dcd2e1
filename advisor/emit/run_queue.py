"""Where settings of the queue of runs stand, in ``dagster.yaml`` and in the Helm chart."""

Tree = dict[str, object]


def of_instance(runs: Tree) -> Tree:
    """``dagster.yaml`` with these settings of the queue."""
    return {"concurrency": {"runs": runs}}


def of_chart(queue: Tree) -> Tree:
    """Values of the chart with these settings of the queue."""
    coordinator: Tree = {"enabled": True, "type": "QueuedRunCoordinator"}
    coordinator["config"] = {"queuedRunCoordinator": queue}
    return {"dagsterDaemon": {"runCoordinator": coordinator}}
