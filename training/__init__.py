"""Fine-tuning the orchestrator: training conversations, the recipe, and the export to GGUF."""
