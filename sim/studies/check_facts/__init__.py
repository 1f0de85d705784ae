"""An earlier forecast held against what was reported later."""
