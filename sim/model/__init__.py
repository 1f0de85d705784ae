"""What a model is: state, expressions, distributions, draws and their compiled form. Imports nothing of ours."""
