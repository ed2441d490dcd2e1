import dagster as dg


@dg.op(out=dg.DynamicOut(int))
def files():
    for number in range(3):
        yield dg.DynamicOutput(number, mapping_key=f"file_{number}")


@dg.op
def read(file: int) -> int:
    return file + 100


@dg.op(out=dg.DynamicOut(int))
def chunks(contents: list[int]):
    for content in contents:
        yield dg.DynamicOutput(content, mapping_key=f"chunk_{content}")


@dg.op
def learn(chunk: int) -> int:
    return chunk * 2


@dg.op
def model(learned: list[int]) -> list[int]:
    return learned


@dg.job
def training_job():
    contents = files().map(read).collect()
    model(chunks(contents).map(learn).collect())


defs = dg.Definitions(jobs=[training_job])
