"""Fan-outs inside graphs, graphs that are mapped or collect, and config in all of them."""

from dagster import Config, GraphOut, graph, job, op
from emit_chain_job import count, merge, split


class Factor(Config):
    factor: int = 2


@op
def scale(row, shift, config: Factor):
    return row * config.factor + shift


@op
def invert(row):
    return 12 // row


@op(config_schema={"suffix": str})
def label(context, value):
    return f"{value}{context.op_config['suffix']}{context.get_mapping_key()}"


@op
def total(texts):
    return len(texts)


@op
def publish(merged, number):
    return {"merged": merged, "count": number}


@graph(out={"merged": GraphOut(), "number": GraphOut()})
def inner(number, shift):
    header, rows = split(number)
    texts = rows.map(lambda row: label(scale(row, shift))).collect()
    return {"merged": merge(texts, header), "number": total(texts)}


@graph
def outer(shift):
    number = count()
    merged, found = inner(number, shift)
    return publish(merged, found)


@op
def shift_by():
    return 100


CONFIG = {
    "ops": {
        "outer": {
            "ops": {
                "inner": {
                    "ops": {
                        "scale": {"config": {"factor": 3}},
                        "label": {"config": {"suffix": "!"}},
                    }
                }
            }
        }
    }
}


@job(config=CONFIG)
def nested_job():
    outer(shift_by())


@graph
def shifted(row, shift):
    return scale(row, shift)


@graph
def one_item(row, shift):
    return label(shifted(row, shift))


@graph
def gathered(texts, header):
    return merge(texts, header)


@job(
    config={
        "ops": {
            "one_item": {
                "ops": {
                    "label": {"config": {"suffix": "?"}},
                    "shifted": {"ops": {"scale": {"config": {"factor": 5}}}},
                }
            }
        }
    }
)
def mapped_graph_job():
    header, rows = split(count())
    shift = shift_by()
    texts = rows.map(lambda row: one_item(row, shift))
    gathered(texts.collect(), header)


@graph
def inverting(number):
    header, rows = split(number)
    return merge(rows.map(invert).collect(), header)


@job
def failing_nested_job():
    inverting(count())
