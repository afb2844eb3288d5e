"""Find circles in a graph of imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

__all__ = ["find_cycles"]


def find_cycles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return circles of a graph, so many that none is left when one edge of each is taken away.

    Args:
        graph: for each node the nodes that it points to.

    Returns:
        Circles as lists of nodes: each node points to the next one, and the last node is the first one again.
    """
    edges = {node: set(targets) for node, targets in graph.items()}
    cycles = []
    while True:
        try:
            TopologicalSorter(edges).prepare()
        except CycleError as error:
            # TopologicalSorter takes edges for "depends on" and lists the nodes of a circle against the arrows.
            cycle: list[str] = error.args[1][::-1]
            cycles.append(cycle)
            edges[cycle[0]].discard(cycle[1])
        else:
            return cycles
