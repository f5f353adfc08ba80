"""What a run gives: facts, then report, card and pictures made of the facts, then `Result`, which offers them all."""
