"""Two mapped ops in a chain, a fixed input, an op before the fan-out and one after the collect."""

from dagster import DynamicOut, DynamicOutput, In, Nothing, Out, Output, job, op


@op
def count():
    return 5


@op(ins={"after": In(Nothing)})
def load_factor():
    return 3


@op(out={"header": Out(), "rows": DynamicOut()})
def split(number):
    yield Output("header", "header")
    for row in range(number):
        yield DynamicOutput(row, mapping_key=f"row_{row}", output_name="rows")


@op
def scale(row, factor):
    return row * factor


@op
def describe(value):
    return f"<{value}>"


@op
def merge(texts, header):
    return [header, *texts]


@op
def publish(merged, number):
    return {"count": number, "merged": merged}


@job
def chain_job():
    number = count()
    factor = load_factor(after=number)
    header, rows = split(number)
    texts = rows.map(lambda row: scale(row, factor)).map(describe).collect()
    publish(merge(texts, header), number)
