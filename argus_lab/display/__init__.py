"""Display: frames as static, escaped HTML and as plain text. Pure; no script, no server, no network."""
