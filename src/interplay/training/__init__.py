"""Training of a fusion model: batches, the Lightning module, one fit."""
