"""Graph-backed assets whose graph fans out, of one asset and of several; one fails on an item."""

from dagster import (
    AssetOut,
    ConfigurableResource,
    Definitions,
    DynamicOut,
    DynamicOutput,
    asset,
    graph,
    graph_asset,
    graph_multi_asset,
    op,
)


class Prefix(ConfigurableResource):
    text: str


@asset
def numbers():
    return [3, 1, 2, 5]


@op(out=DynamicOut())
def split(numbers):
    for place, number in enumerate(numbers):
        yield DynamicOutput(number, mapping_key=f"n{place}")


@op
def label(number, prefix: Prefix):
    return f"{prefix.text}{number}"


@op
def square(number):
    return number * number


@op
def invert(number):
    return 6 // (number - 1)


@op
def merge(values):
    return values


@graph_asset(group_name="texts", metadata={"owner": "us"}, tags={"kind": "text"})
def labels(numbers):
    return merge(split(numbers).map(label).collect())


@op
def add(values):
    return sum(values)


@graph_multi_asset(outs={"squares": AssetOut(), "sum_of_squares": AssetOut()})
def squared(numbers):
    found = split(numbers).map(square).collect()
    return {"squares": merge(found), "sum_of_squares": add(found)}


@graph
def inverses(numbers):
    return merge(split(numbers).map(invert).collect())


@op
def start():
    return [3, 1, 2, 5]


@graph_asset
def inverted():
    return inverses(start())


@graph_asset
def alone():
    return merge(split(start()).map(square).collect())


defs = Definitions(
    assets=[numbers, labels, squared, inverted, alone], resources={"prefix": Prefix(text="#")}
)
