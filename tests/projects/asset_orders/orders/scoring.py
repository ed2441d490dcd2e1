import dagster as dg


class Currency(dg.ConfigurableResource):
    rate: int


@dg.op(out=dg.DynamicOut())
def each(orders):
    for place, order in enumerate(orders):
        yield dg.DynamicOutput(order, mapping_key=f"o{place}")


@dg.op
def score(order, currency: Currency):
    return order * currency.rate


@dg.op
def gather(scores):
    return scores


@dg.op
def best(scores):
    return max(scores)


@dg.graph_asset(ins={"orders": dg.AssetIn(["raw", "orders"])})
def orders_scored(orders):
    return gather(each(orders).map(score).collect())


@dg.graph_multi_asset(
    ins={"orders": dg.AssetIn(["raw", "orders"])},
    outs={"all_scores": dg.AssetOut(), "best_score": dg.AssetOut()},
)
def scores(orders):
    scored = each(orders).map(score).collect()
    return {"all_scores": gather(scored), "best_score": best(scored)}
