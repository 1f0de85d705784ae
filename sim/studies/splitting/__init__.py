"""Rare events by branching histories."""
