"""What a modality is: how its content is read, encoded, described and drawn, in one object a kind."""
