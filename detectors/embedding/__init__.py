"""Which third parties ride along with which app, and how sure that is (docs/embedding.md)."""
