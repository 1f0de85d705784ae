"""Engines: reference, lockstep and exact. They run a compiled model and know nothing of scenarios or studies."""
