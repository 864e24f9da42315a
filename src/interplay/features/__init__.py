"""The feature store: every input is encoded once and memory-mapped after that."""
