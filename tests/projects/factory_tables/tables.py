import dagster as dg


def table_job(name: str, rows: int) -> dg.JobDefinition:
    @dg.op(name=f"read_{name}", out=dg.DynamicOut(int))
    def read():
        for row in range(rows):
            yield dg.DynamicOutput(row, mapping_key=f"row_{row}")

    @dg.op(name=f"load_{name}")
    def load(row: int) -> str:
        return f"{name} {row}"

    @dg.op(name=f"done_{name}")
    def done(loaded: list[str]) -> list[str]:
        return loaded

    @dg.job(name=f"{name}_job")
    def job():
        done(read().map(load).collect())

    return job


TABLES = {"people": 3, "places": 4}
jobs = {name: table_job(name, rows) for name, rows in TABLES.items()}
defs = dg.Definitions(jobs=list(jobs.values()))
