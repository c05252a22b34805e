"""Measures: figures from frames of spans, whatever the engine. Pure; they touch no lake."""
