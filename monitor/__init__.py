"""The daemon: one command that runs every stage."""
