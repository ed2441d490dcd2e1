import dagster as dg


@dg.op(out=dg.DynamicOut(int))
def goods(count: int):
    for number in range(count):
        yield dg.DynamicOutput(number, mapping_key=f"good_{number}")


@dg.op
def price(good: int, tax: int) -> int:
    return good * 10 + tax


@dg.op
def bill(prices: list[int]) -> list[int]:
    return prices


@dg.graph
def pricing(count: int, tax: int):
    bill(goods(count).map(lambda good: price(good, tax)).collect())


retail_job = pricing.to_job(name="retail_job", input_values={"count": 3, "tax": 2})
wholesale_job = pricing.to_job(
    name="wholesale_job",
    config={"inputs": {"count": {"value": 4}, "tax": {"value": 1}}},
)
defs = dg.Definitions(jobs=[retail_job, wholesale_job])
