"""Pages in a browser: choices, measures and figures arranged. Each page is a module of its name."""
