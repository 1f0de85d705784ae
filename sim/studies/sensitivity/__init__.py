"""What counts, times and chances hang on: shares of variance, and every mechanism switched off."""
