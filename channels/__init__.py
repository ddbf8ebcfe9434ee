"""The faces of Shopkeeper: what people type, read and click."""
