"""The configuration: its model, its files, its check and its schema for editors."""
