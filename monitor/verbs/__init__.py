"""The command line: each verb with its options. What it does is imported when it is called."""
