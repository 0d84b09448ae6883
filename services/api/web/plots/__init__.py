"""Plots: values in, SVG that is part of the page out; drawn by Vega-Lite on the server."""
