"""Frozen encoders: a Hugging Face or packaged network, or none, that turns an input into tokens or patches."""
