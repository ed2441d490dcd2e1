import dagster as dg

from orders.raw import orders
from orders.scoring import Currency, orders_scored, scores

defs = dg.Definitions(
    assets=[orders, orders_scored, scores],
    resources={"currency": Currency(rate=3)},
    executor=dg.in_process_executor,
)
