"""Interplay: which words and image patches act together, act alone, or back each other up."""
