import dagster as dg

days = dg.StaticPartitionsDefinition(["monday", "tuesday"])


@dg.op(out=dg.DynamicOut(int))
def hours():
    for hour in range(3):
        yield dg.DynamicOutput(hour, mapping_key=f"hour_{hour}")


@dg.op
def count(context: dg.OpExecutionContext, hour: int) -> str:
    return f"{context.partition_key} {hour}"


@dg.op
def gather(counts: list[str]) -> list[str]:
    return counts


@dg.graph_asset(partitions_def=days)
def visitors():
    return gather(hours().map(count).collect())


@dg.job(partitions_def=days)
def visitors_job():
    gather(hours().map(count).collect())


defs = dg.Definitions(assets=[visitors], jobs=[visitors_job])
