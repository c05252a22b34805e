"""Measurements. ``make bench`` runs them all; every speed stands beside a floor of the same run."""
