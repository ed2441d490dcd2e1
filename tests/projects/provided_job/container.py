import dagster as dg


class Provider:
    """A dependency injection library's provider: it makes its object when it is called first."""

    def __init__(self, make, **arguments):
        self.make, self.arguments, self.made = make, arguments, None

    def __call__(self, *_args, **_kwargs):
        if self.made is None:
            self.made = self.make(**self.arguments)
        return self.made


class Rates:
    def of(self, name: str) -> str:
        return f"{name}: 1.5"


@dg.op(out=dg.DynamicOut(str))
def names():
    for name in "xyz":
        yield dg.DynamicOutput(name, mapping_key=name)


@dg.op(required_resource_keys={"rates"})
def rate(context: dg.OpExecutionContext, name: str) -> str:
    return context.resources.rates.of(name)


@dg.op
def publish(rated: list[str]) -> list[str]:
    return rated


@dg.graph
def rating():
    publish(names().map(rate).collect())


class Container:
    job = Provider(
        rating.to_job,
        name="rating_job",
        resource_defs={"rates": dg.ResourceDefinition.hardcoded_resource(Rates())},
    )
