"""What a run costs here, and what it would cost on a cluster."""
