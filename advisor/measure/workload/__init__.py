"""One measurement of a workload under way: what is measured next, and what came of it."""
