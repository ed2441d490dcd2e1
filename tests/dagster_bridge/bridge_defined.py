"""A module with Definitions: resources and executor come from there."""

from dagster import (
    ConfigurableResource,
    Definitions,
    DynamicOut,
    DynamicOutput,
    asset,
    define_asset_job,
    graph_asset,
    in_process_executor,
    job,
    op,
)


class Greeting(ConfigurableResource):
    """What the op needs."""

    word: str


@op(out=DynamicOut(str))
def names():
    """Fan out."""
    for name in ("ann", "bob"):
        yield DynamicOutput(name, mapping_key=name)


@op
def greet(name: str, greeting: Greeting) -> str:
    """Mapped."""
    return f"{greeting.word} {name}"


@op
def join(greetings: list[str]) -> str:
    """Collect."""
    return ", ".join(greetings)


@op
def unused(name: str, greeting: Greeting) -> str:
    """No job uses it; its resource is defined all the same."""
    return f"{greeting.word}, {name}!"


@job
def greet_job():
    """Its resource is only in the Definitions."""
    join(names().map(greet).collect())


@asset
def base() -> int:
    """Upstream of the graph asset."""
    return 5


@op(out=DynamicOut(int))
def up_to(number: int):
    """Fan out to as many as the asset says."""
    for place in range(number):
        yield DynamicOutput(place, mapping_key=str(place))


@op
def square(number: int) -> int:
    """Mapped in a graph asset."""
    return number * number


@op
def add_up(numbers: list[int]) -> int:
    """Collect."""
    return sum(numbers)


@graph_asset
def squares(base: int) -> int:
    """A graph asset with an upstream asset."""
    return add_up(up_to(base).map(square).collect())


defs = Definitions(
    assets=[base, squares],
    jobs=[greet_job, define_asset_job("squares_job", selection="*squares")],
    resources={"greeting": Greeting(word="hello")},
    executor=in_process_executor,
)
