"""What brings the tax down: of the weights, of the prompt, of training."""
