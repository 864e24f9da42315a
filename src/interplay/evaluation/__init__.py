"""How good explanations are: masking, concentration, alignment, and known truth."""
