"""Histories that stand for many, and the ways that lead to each outcome."""
