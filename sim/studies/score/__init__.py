"""How good a forecast was, now that one knows."""
