"""A job that is found through its Definitions, and a graph."""

from dagster import Definitions, DynamicOut, DynamicOutput, graph, op


@op(out=DynamicOut())
def split():
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op(required_resource_keys={"offset"})
def add(context, number):
    return number + context.resources.offset


@op
def merge(results):
    return results


@graph
def adding():
    merge(split().map(add).collect())


defs = Definitions(jobs=[adding.to_job(name="adding_job")], resources={"offset": 10})
