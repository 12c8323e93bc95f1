"""Answers that need derivatives: fits and minima."""
