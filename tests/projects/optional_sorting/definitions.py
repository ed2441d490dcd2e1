import dagster as dg


@dg.op(out=dg.DynamicOut(int))
def parcels():
    for number in range(5):
        yield dg.DynamicOutput(number, mapping_key=f"parcel_{number}")


@dg.op(out={"heavy": dg.Out(is_required=False), "light": dg.Out(is_required=False)})
def weigh(parcel: int):
    yield dg.Output(parcel, output_name="heavy" if parcel > 2 else "light")


@dg.op
def by_truck(parcel: int) -> str:
    return f"truck {parcel}"


@dg.op
def by_bike(parcel: int) -> str:
    return f"bike {parcel}"


@dg.op
def report(trucks: list[str], bikes: list[str]) -> list[str]:
    return trucks + bikes


@dg.graph(out={"trucks": dg.GraphOut(), "bikes": dg.GraphOut()})
def deliver(parcel):
    heavy, light = weigh(parcel)
    return {"trucks": by_truck(heavy), "bikes": by_bike(light)}


@dg.job
def delivery_job():
    trucks, bikes = parcels().map(deliver)
    report(trucks.collect(), bikes.collect())


defs = dg.Definitions(jobs=[delivery_job])
