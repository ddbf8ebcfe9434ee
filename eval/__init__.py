"""Measuring the product: one file a task, records that anyone can reproduce, and the leaderboard made of them."""
