"""Retrieval: embeddings, the product index, and hybrid search over it."""
