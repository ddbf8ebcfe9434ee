"""Chat models: the embedded one, any OpenAI-compatible server, and a deterministic double for tests."""
