"""esbench: a workbench for teaching and analysing event sourcing."""
