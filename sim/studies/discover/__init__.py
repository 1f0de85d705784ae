"""The region of the inputs that leads to an event, told as rules."""
