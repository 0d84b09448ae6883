"""The declared indicators, a module a family: inputs, results, standard, source and rules around the formulas."""
