"""What the analyst writes: from a scenario file to a model and to the words that people read beside it."""
