"""How fast the engines are: contestants, workloads, rounds and measures."""
