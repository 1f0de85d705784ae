"""Weight given to stated probabilities."""
