"""Fixtures for all tests: both engines, each test in schemas of its own."""

pytest_plugins = ["engine_fixtures"]
