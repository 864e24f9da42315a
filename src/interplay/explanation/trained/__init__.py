"""A trained run as a predictor: exact and fast answers for many coalitions of one sample."""
