"""What stands on the page of a run, part by part; sim.report sets it."""
