"""The pages: plain HTML and CSS, a little script, nothing loaded from elsewhere."""
