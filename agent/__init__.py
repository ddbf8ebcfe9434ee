"""The orchestrator: a chat model that calls tools and answers in fact-bound prose."""
