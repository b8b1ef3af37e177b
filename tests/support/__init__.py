"""Servers and helpers that several suites share."""
