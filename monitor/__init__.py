"""The daemon: one command that runs every stage."""

__version__ = "0.1.0"
