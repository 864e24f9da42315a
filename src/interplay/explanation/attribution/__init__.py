"""How important each feature is to each expert: gradients and attention rollout."""
