"""Monte Carlo runs: what to simulate, in parts, on one or several processes, kept on disk and resumed."""
