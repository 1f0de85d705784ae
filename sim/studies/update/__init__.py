"""How the answer moved from report to report, and which changes moved it."""
