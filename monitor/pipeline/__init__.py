"""Every stage put together: what a worker does, what the analysis does, and what passes between them."""
