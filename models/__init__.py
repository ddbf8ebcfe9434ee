"""Prediction: pure functions of a snapshot, each model with one fit / predict / save / load contract."""
