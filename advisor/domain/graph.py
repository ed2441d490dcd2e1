"""The graph that fans out, as code for batches is emitted from it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wire:
    """What one input of a node gets.

    ``sources`` are (node name, output name); more than one is a fan-in list. ``collected``: the
    source's dynamic results arrive as one list (``.collect()``).
    """

    input: str
    sources: tuple[tuple[str, str], ...]
    collected: bool = False


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of the graph that fans out, by its name there (an alias, where it has one).

    A graph that is mapped stands as its ops, each named by its path: ``graph.op``.

    Attributes:
        wires: What its inputs get; a source ``("", name)`` is an input of the graph itself.
        variable: Name of the op in the target's module, where importing it gives all that the node
            is: nothing of the job or of this place in it is added. Empty otherwise.
        is_plain: Whether calling the function under the op, its inputs by name, is all that a step
            of it does: no context, config, resource, retry or event of its own. The function
            returns the value, or yields or returns the dynamic outputs.
        is_function: Whether it is an op made by ``@op`` on a function, which can be called alone.
        attached_resource: Parameter that takes a resource as another object than the op's context
            holds, which Dagster gives to a step of the op alone; empty where there is none.
        configured_by: The mapped graph whose config mapping gives the op its config; empty where
            run config gives it.
    """

    name: str
    wires: tuple[Wire, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    dynamic_outputs: tuple[str, ...] = ()
    is_op: bool = True
    has_config: bool = False
    variable: str = ""
    is_plain: bool = False
    configured_by: str = ""
    is_function: bool = True
    attached_resource: str = ""

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """What its inputs get, all of it."""
        return tuple(source for wire in self.wires for source in wire.sources)
