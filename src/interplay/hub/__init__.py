"""A run given to others: a folder with all that a reader needs, its model card, and the Hugging Face hub."""
