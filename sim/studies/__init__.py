"""One module per question put to a scenario: each takes a scenario and settings, and leaves a run folder."""
