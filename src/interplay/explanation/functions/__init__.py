"""Any function of words and pixels as a predictor. Adapters for ready-made models have their place beside it."""
