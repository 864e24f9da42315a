"""Ready-made Hugging Face models as predictors: words and patches are removed where the model reads them."""
