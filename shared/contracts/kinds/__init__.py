"""The judges, one module a kind of guarantee: facts of a window in, a Finding out. Pure, no verdict, no money."""
