"""From a prediction to its explanation: attributions, candidates, games, pair scores and what-if."""
