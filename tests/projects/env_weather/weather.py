import dagster as dg


class Weather(dg.ConfigurableResource):
    token: str

    def at(self, place: str) -> str:
        return f"{self.token} in {place}"


@dg.op(out=dg.DynamicOut(str))
def places():
    for place in ("Oslo", "Rome", "Bonn"):
        yield dg.DynamicOutput(place, mapping_key=place)


@dg.op
def ask(place: str, weather: Weather) -> str:
    return weather.at(place)


@dg.op
def tell(answers: list[str]) -> list[str]:
    return answers


@dg.job
def weather_job():
    tell(places().map(ask).collect())


defs = dg.Definitions(
    jobs=[weather_job], resources={"weather": Weather(token=dg.EnvVar("WEATHER_TOKEN"))}
)
