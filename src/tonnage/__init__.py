"""Tonnage: a Python application server that knows how much it can carry."""

__version__ = "0.1.0"
