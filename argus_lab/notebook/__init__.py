"""Help in a notebook: send its own spans, and see a cell's trace beneath it."""
