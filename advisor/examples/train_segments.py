"""A scikit-learn model trained for each customer segment.

The op imports scikit-learn inside its body, as much production code does: its first call in a
process costs seconds, later calls do not.
"""

import sys
from collections.abc import Iterator

from dagster import Definitions, DynamicOut, DynamicOutput, job, op

SEGMENTS = 8
CUSTOMERS_PER_SEGMENT = 3_000


@op(out=DynamicOut(int))
def list_segments() -> Iterator[DynamicOutput[int]]:
    """Yield the segments' numbers."""
    for segment in range(SEGMENTS):
        yield DynamicOutput(segment, mapping_key=f"segment_{segment}")


@op
def train_segment(segment: int) -> tuple[float, int]:
    """Train a forest on a segment's customers; its accuracy on those held back, and the segment."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import train_test_split

    features, churned = make_classification(
        n_samples=CUSTOMERS_PER_SEGMENT,
        n_features=20,
        n_informative=6 + segment % 4,
        random_state=segment,
    )
    training, held_back, known_churned, held_back_churned = train_test_split(
        features, churned, random_state=segment
    )
    forest = RandomForestClassifier(n_estimators=30, random_state=segment)
    forest.fit(training, known_churned)
    accuracy = float(forest.score(held_back, held_back_churned))
    return round(accuracy, 6), segment


@op
def pick_weakest(scores: list[tuple[float, int]]) -> tuple[float, int]:
    """The model that does worst, and its segment."""
    return min(scores)


@job
def train_job() -> None:
    """Train each segment, pick the weakest."""
    pick_weakest(list_segments().map(train_segment).collect())


defs = Definitions(jobs=[train_job])

if __name__ == "__main__":
    sys.stdout.write(f"{train_job.execute_in_process().output_for_node('pick_weakest')}\n")
