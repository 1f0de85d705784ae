"""What was stated about a crisis, and how far the simulated histories are bent towards it. Holds weights only."""
