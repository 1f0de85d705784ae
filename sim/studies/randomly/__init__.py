"""Models drawn at random, their meaning written a second time, and the judgement of what engines make of them."""
