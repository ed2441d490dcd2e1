import dagster as dg


@dg.op(out=dg.DynamicOut(int))
def trays():
    for number in range(4):
        yield dg.DynamicOutput(number, mapping_key=f"tray_{number}")


@dg.op
def bake(tray: int) -> int:
    return tray + 180


@dg.op
def serve(baked: list[int]) -> list[int]:
    return baked


@dg.job
def bake_job():
    serve(trays().map(bake).collect())


@dg.op
def sweep() -> None:
    pass


@dg.job
def closing_job():
    sweep()
