"""Figures of a run, drawn from its summary and curves alone. Nothing here computes a result."""
