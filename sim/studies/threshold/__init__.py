"""The value of a number at which a chance crosses a level."""
